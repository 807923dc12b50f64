import { defineConfig, mergeConfig } from "vitest/config";

import base from "./vite.config";

export default mergeConfig(
  base,
  defineConfig({
    test: {
      include: ["src/**/*.test.ts"],
      environment: "happy-dom",
      restoreMocks: true,
    },
  }),
);

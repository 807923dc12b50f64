import { fileURLToPath, URL } from "node:url";

import vueI18n from "@intlify/unplugin-vue-i18n/vite";
import vue from "@vitejs/plugin-vue";
import { defineConfig } from "vite";

import { emojiData } from "./vite.emoji.ts";
import { leanLibraries } from "./vite.lean.ts";

/** Where `npm run dev` finds a server: one that was started with `go run . serve --demo`, unless PARLEY_URL names another. */
const server = process.env.PARLEY_URL ?? "http://127.0.0.1:8080";

export default defineConfig({
  plugins: [
    vue(),
    leanLibraries(),
    emojiData(),
    // Texts are compiled while building: compiling them in the browser would need what the server's Content-Security-Policy forbids.
    vueI18n({
      include: fileURLToPath(new URL("./src/i18n/locales/**", import.meta.url)),
      module: "petite-vue-i18n",
      runtimeOnly: true,
      dropMessageCompiler: true,
      fullInstall: false,
    }),
  ],
  // What nothing here uses need not be loaded.
  define: { __VUE_OPTIONS_API__: "false" },
  resolve: {
    alias: [
      // As it is here, not as its package has it.
      { find: /^@\/client$/, replacement: fileURLToPath(new URL("./src/client/index.ts", import.meta.url)) },
      { find: /^@(?=\/)/, replacement: fileURLToPath(new URL("./src", import.meta.url)) },
    ],
  },
  build: {
    // Beside the sources, committed, and embedded in the program.
    outDir: "../dist",
    emptyOutDir: true,
    target: "es2022",
    // Nothing as data: URL, which the policy forbids.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  server: {
    proxy: {
      "/api": server,
      "/socket.io": { target: server, ws: true },
    },
  },
});

import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { expect, onTestFinished, test } from "vitest";

const client = import.meta.dirname;
const modules = join(client, "../../node_modules");

test("the package that is made of the client can be imported by Node.js, and has types", { timeout: 120_000 }, () => {
  const folder = mkdtempSync(join(tmpdir(), "parley-client-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const source = join(folder, "source");
  cpSync(client, source, { recursive: true });
  symlinkSync(modules, join(source, "node_modules"));
  const [packed] = JSON.parse(execFileSync("npm", ["pack", "--json", "--loglevel=error"], { cwd: source, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] }).replace(/^[^[]*/, "")) as {
    filename: string;
    files: { path: string }[];
  }[];
  const files = packed!.files.map((f) => f.path);
  expect(files).toEqual(expect.arrayContaining(["LICENSE", "README.md", "package.json", "dist/index.js", "dist/index.d.ts"]));
  expect(files.filter((f) => f.includes("test"))).toEqual([]);

  const installed = join(folder, "node_modules", "parley-client");
  mkdirSync(installed, { recursive: true });
  execFileSync("tar", ["-xzf", join(source, packed!.filename), "-C", installed, "--strip-components=1"]);
  symlinkSync(join(modules, "socket.io-client"), join(folder, "node_modules", "socket.io-client"));
  writeFileSync(join(folder, "program.mjs"), `
    import { createParley, ProblemError } from "parley-client";
    const parley = createParley({ url: "http://127.0.0.1:9", fetch: () => Promise.reject(new Error("nobody there")) });
    await parley.start();
    const problem = await parley.signIn("ann", "password").catch((error) => error);
    console.log(parley.connection, problem instanceof ProblemError, problem.code);
    parley.close();
  `);
  expect(execFileSync("node", ["program.mjs"], { cwd: folder, encoding: "utf8" })).toBe("idle true no_answer\n");
});

// Plays scenarios in Chromium, driven by browser_test.go: each line of standard input is a command in JSON, {id, do, …}, answered by a
// line {id, result} or {id, error} on standard output, not necessarily in order. Before its answer, a command may ask the test for
// something with a line {id, wish}, which is answered by {wish, result} or {wish, error}.

import { createInterface } from "node:readline";
import { chromium } from "playwright-core";
import { Stage } from "./stage.mjs";

/** What keeps Chromium from needing a screen, a sandbox that containers lack, and the network. */
const flags = [
  "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync",
];

let browser;
const wishes = []; // those who wait for them, by number

const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);

/** Asks the test for something on behalf of a command. */
function wish(id, what, given = {}) {
  return new Promise((resolve, reject) => {
    wishes.push({ resolve, reject });
    say({ id, wish: { id: wishes.length - 1, do: what, given } });
  });
}

const commands = {
  async launch({ executable }) {
    browser = await chromium.launch({ executablePath: executable, args: flags });
  },
  async play({ id, scenario, limit, ...deployment }) {
    const { default: play } = await import(`./${scenario}.mjs`);
    const stage = new Stage({ browser, ...deployment, wish: (what, given) => wish(id, what, given) });
    await stage.play(play, limit);
    return { notes: stage.notes };
  },
  close: () => browser.close(),
};

for await (const line of createInterface({ input: process.stdin })) {
  const told = JSON.parse(line);
  if (told.do === undefined) {
    const { resolve, reject } = wishes[told.wish];
    if (told.error) reject(new Error(told.error));
    else resolve(told.result);
    continue;
  }
  Promise.resolve()
    .then(() => commands[told.do](told))
    .then((result) => say({ id: told.id, result }))
    .catch((error) => say({ id: told.id, error: String(error?.stack ?? error) }));
}
process.exit(0);

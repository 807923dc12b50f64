// What a scenario is played on: a deployment, the people who use it, and their browsers.

import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Account } from "./account.mjs";
import { composer, signIn } from "./app.mjs";
import { Watch } from "./watch.mjs";

/** What people use unless a scenario says otherwise. */
const ordinary = {
  locale: "en-GB",
  timezoneId: "Europe/Berlin",
  viewport: { width: 1280, height: 800 },
  colorScheme: "light",
  reducedMotion: "reduce",
};

/** How long a page may take for what a person waits for. It is long because the machine may be busy with other tests. */
export const patience = 30_000;

export class Stage {
  /** What is worth reading in the log of the test, such as figures. */
  notes = [];
  #watches = [];
  #contexts = [];

  /** oneProcess: a crash of any part of the deployment is one of all of it. */
  constructor({ browser, url, oneProcess, evidence, pictures, wish }) {
    Object.assign(this, { browser, url, oneProcess, evidence, pictures, wish });
  }

  /** Plays a scenario to its end. What a page has complained about fails it, and what fails leaves evidence. */
  async play(scenario, limit) {
    let timer;
    const late = new Promise((_, reject) => {
      timer = setTimeout(() => reject(new Error(`not over after ${limit} ms`)), limit);
    });
    try {
      await Promise.race([scenario(this), late]);
      for (const watch of this.#watches) watch.check();
    } catch (error) {
      throw new Error(`${error?.stack ?? error}\n${await this.#testify()}`);
    } finally {
      clearTimeout(timer);
      await Promise.all(this.#contexts.map((context) => context.close()));
    }
  }

  /** Leaves a picture of every page and what was written to its console, and says where. */
  async #testify() {
    await mkdir(this.evidence, { recursive: true });
    const left = await Promise.all(this.#watches.map((watch, i) => this.#leave(watch, join(this.evidence, `${i}-${watch.name}`))));
    return left.join("\n");
  }

  async #leave(watch, base) {
    const seen = await watch.seen();
    await writeFile(`${base}.log`, `${watch.log.join("\n")}\n\n${seen.outline}\n`);
    if (seen.picture) await writeFile(`${base}.png`, seen.picture);
    return `page of ${watch.name} at ${seen.address}: see ${base}.png and ${base}.log\n${watch.log.slice(-10).join("\n")}`;
  }

  /** Signs somebody up without a browser. */
  account(username, displayName) {
    return Account.register(this.url, username, displayName);
  }

  /** A browser of its own, with nothing in it. Returns its first page. */
  async browse(name, options = {}) {
    const context = await this.browser.newContext({ ...ordinary, baseURL: this.url, ...options });
    context.setDefaultTimeout(patience);
    this.#contexts.push(context);
    return this.tab(context, name);
  }

  /** Signs somebody in with a browser of their own, and shows a conversation. */
  async enter(account, path, options) {
    const page = await this.browse(account.username, options);
    await page.goto(path);
    await signIn(page, account.username);
    await composer(page).waitFor();
    return page;
  }

  /** One more page of a browser. */
  async tab(context, name) {
    const page = await context.newPage();
    const watch = new Watch(page, name);
    this.#watches.push(watch);
    page.watch = watch;
    await watch.begin();
    return page;
  }

  /** Kills a process of the deployment as a crash would. */
  kill(process) {
    return this.wish("kill", { process });
  }

  restart(process) {
    return this.wish("restart", { process });
  }

  /** Ends all connections between browsers and servers. */
  cut() {
    return this.wish("cut");
  }

  /** Runs a command of parley and returns what it printed. */
  command(...words) {
    return this.wish("command", { command: words });
  }

  /** Puts something into the log of the test. */
  note(text) {
    this.notes.push(text);
  }
}

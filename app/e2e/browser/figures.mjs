// What it takes to see the first channel: what is loaded, and how long it takes, by a browser that has nothing yet but the sign-in.

import { list } from "./app.mjs";
import { check, shown } from "./expect.mjs";

/** Of the client itself, compressed, in bytes. */
const mostBytes = 150_000;
const times = 5;

export default async function figures(stage) {
  const ann = await stage.account("ann", "Ann");
  const ben = await stage.account("ben", "Ben");
  const group = await ann.group("Friends", ben);
  for (let i = 0; i < 60; i++) await ben.say(group.general, `Message ${i} with **some** text in it`);
  const first = await stage.enter(ann, group.path);
  await shown(list(first).getByRole("article"));

  const loads = [];
  for (let i = 0, storageState = await leave(first); i < times; i++) {
    const page = await stage.browse("reader", { storageState });
    loads.push(await load(page, group.path));
    storageState = await leave(page);
  }
  const middle = (of) => loads.map(of).toSorted((a, b) => a - b)[Math.floor(times / 2)];
  const { client, api } = loads[0];
  stage.note(`loaded until the first channel is shown: ${client.requests} files of the client, ${kilo(client.bytes)} compressed, ` +
    `with ${kilo(client.heads)} of headers; ${api.requests} answers of the API, ${kilo(api.bytes)} and ${kilo(api.heads)}`);
  stage.note(`median of ${times} loads with an empty cache: first contentful paint after ${middle((l) => l.paint).toFixed(0)} ms, ` +
    `the messages after ${middle((l) => l.shown).toFixed(0)} ms`);
  check(client.bytes < mostBytes, `${client.bytes} bytes are too many`);
}

const kilo = (bytes) => `${(bytes / 1000).toFixed(1)} kB`;

/** Closes a browser, and returns what it has kept, with the sign-in, but not what it has loaded. */
async function leave(page) {
  const kept = await page.context().storageState({ indexedDB: true });
  await page.context().close();
  return kept;
}

/** Opens a channel with an empty cache. Sizes are those on the wire. */
async function load(page, path) {
  const network = await page.context().newCDPSession(page);
  await network.send("Network.enable");
  const client = { requests: 0, bytes: 0, heads: 0 };
  const api = { requests: 0, bytes: 0, heads: 0 };
  const answers = new Map();
  network.on("Network.responseReceived", ({ requestId, response }) => {
    const kind = /^\/(api|socket\.io)\//.test(new URL(response.url).pathname) ? api : client;
    answers.set(requestId, { kind, head: response.encodedDataLength });
  });
  network.on("Network.loadingFinished", ({ requestId, encodedDataLength }) => {
    const { kind, head } = answers.get(requestId) ?? {};
    if (!kind) return;
    kind.requests++;
    kind.heads += head;
    kind.bytes += encodedDataLength - head;
  });
  await page.goto(path);
  await shown(list(page).getByRole("article"));
  const shownAfter = await page.evaluate(() => performance.now());
  const paint = await page.evaluate(() => performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? NaN);
  await page.waitForLoadState("networkidle");
  return { client: { ...client }, api, paint, shown: shownAfter };
}

// A channel with ten thousand messages, read from its end to its beginning.

import { composer, goToNewest, list, message, send, signIn } from "./app.mjs";
import { check, shown } from "./expect.mjs";

const count = 10_000;
/** Rows that may exist at once, whatever the number of messages. */
const mostRows = 200;

export default async function long(stage) {
  await stage.command("seed", "--users", "3", "--groups", "1", "--channels", "1", "--messages", String(count));
  const page = await stage.browse("reader");
  await page.goto("/g/1/c/1");
  await signIn(page, "ada.abara", "parley-demo");
  await goToNewest(page);
  await composer(page).focus();

  const typing = await measureTyping(page, "A sentence of some length, typed while ten thousand messages are there.");
  stage.note(`typing into the newest of ${count} messages: ${typing}`);
  const scrolled = await list(page).evaluate(scrollToBeginning);
  await shown(page.getByText("This is where it begins."));
  stage.note(`scrolling through ${count} messages: ${scrolled.frames.length} frames, ${spread(scrolled.frames)}; at most ${scrolled.rows} rows at once`);
  check(scrolled.rows < mostRows, `${scrolled.rows} rows exist at once`);
  stage.note(`typing with ${count} messages at hand: ${await measureTyping(page, "And once more, now that all of them were fetched.")}`);

  await composer(page).fill("");
  await send(page, "Written at the end");
  await shown(message(page, "Written at the end"));
}

/** Scrolls a list up, as fast as somebody who is in a hurry, until it begins; it runs in the page. */
async function scrollToBeginning(element) {
  const frames = [];
  let rows = 0;
  let before = await new Promise(requestAnimationFrame);
  while (!element.textContent.includes("This is where it begins.") || element.scrollTop > 0) {
    element.scrollTop -= 600;
    const now = await new Promise(requestAnimationFrame);
    frames.push(now - before);
    before = now;
    rows = Math.max(rows, element.querySelectorAll("article").length);
  }
  return { frames, rows };
}

/** Types a text, and says how long it took after each key until the page had made the frame that shows it. */
async function measureTyping(page, text) {
  await page.evaluate(() => {
    window.typed = [];
    window.onkeydown = ({ timeStamp }) => requestAnimationFrame(() => {
      const after = new MessageChannel(); // what comes next, comes after the frame
      after.port1.onmessage = () => window.typed.push(performance.now() - timeStamp);
      after.port2.postMessage(undefined);
    });
  });
  await composer(page).pressSequentially(text, { delay: 30 });
  await page.waitForFunction((keys) => window.typed.length === keys, text.length);
  return `${text.length} keys, ${spread(await page.evaluate(() => window.typed))}`;
}

/** Times in milliseconds, in short. */
function spread(times) {
  const sorted = times.toSorted((a, b) => a - b);
  const at = (part) => sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))].toFixed(1);
  return `median ${at(0.5)} ms, 95 of 100 within ${at(0.95)} ms, 99 of 100 within ${at(0.99)} ms, the longest ${at(1)} ms`;
}

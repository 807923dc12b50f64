// What the server's policy keeps a page from doing, whatever gets into it.

import { equal, matches } from "./expect.mjs";

export default async function policy(stage) {
  const page = await stage.browse("visitor");
  const response = await page.goto("/");
  const headers = response.headers();
  const allowed = headers["content-security-policy"];
  for (const part of ["default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'", "frame-ancestors 'none'"]) {
    matches(allowed, new RegExp(part));
  }
  equal(/unsafe|data:|\*/.test(allowed), false, `too much is allowed: ${allowed}`);
  equal(headers["x-content-type-options"], "nosniff");
  equal(headers["x-frame-options"], "DENY");
  equal(headers["referrer-policy"], "no-referrer");

  page.watch.expect(/^error: policy: /, /Content Security Policy/, /requires 'Trusted/);
  const before = page.watch.log.length;
  equal(await page.evaluate(misbehave), []);
  const blocked = page.watch.log.slice(before).flatMap((line) => /^error: policy: (\S+) blocked/.exec(line)?.[1] ?? []);
  equal(new Set(blocked), new Set(["require-trusted-types-for", "connect-src", "img-src", "style-src-attr"]));
}

/** Tries what scripts that got into the page would; answers with what was not prevented. It runs in the page. */
async function misbehave() {
  await new Promise((later) => setTimeout(later)); // what a debugger runs at once may do more than a page
  window.ran = [];
  const box = document.createElement("div");
  document.body.append(box);
  const tries = {
    script: () => {
      const script = document.createElement("script");
      script.append("window.ran.push('inline script')");
      box.append(script);
    },
    handler: () => {
      box.setAttribute("onclick", "window.ran.push('inline handler')");
      box.click();
    },
    style: () => box.setAttribute("style", "display: none"),
    html: () => {
      box.innerHTML = "<img src='/nothing' onerror='window.ran.push(`handler in HTML`)'>";
    },
    code: () => new Function("window.ran.push('made-up code')")(),
    request: () => fetch("https://example.org/").then(() => window.ran.push("request to another site")),
    picture: () => new Promise((loaded) => {
      const picture = new Image();
      picture.onerror = loaded;
      picture.onload = () => loaded(window.ran.push("picture of another site"));
      picture.src = "https://example.org/picture.png";
    }),
  };
  for (const attempt of Object.values(tries)) {
    try {
      await attempt();
    } catch {
      // prevented, as it should be
    }
  }
  if (getComputedStyle(box).display === "none") window.ran.push("inline style");
  return window.ran;
}

// What a page complains about. A complaint that nobody expects fails the scenario.

/**
 * What Chromium says about requests without an answer, about those that a proxy answers for a server that is away, and about those of
 * a polling connection that the server has given up since one of its requests was cut.
 */
const network = [
  /net::ERR_/, /WebSocket connection to .* failed/, /the server responded with a status of 50[234]/,
  /the server responded with a status of 400 .*\/socket\.io\/.*transport=polling.*sid=/,
];

export class Watch {
  /** Everything that was written to the console, and what was thrown. */
  log = [];
  #complaints = [];
  #expected = [];
  /** The page is being left for another address, which breaks off what it was asking for. */
  #leaving = false;

  constructor(page, name) {
    Object.assign(this, { page, name });
    page.on("console", (message) => {
      const line = `${message.type()}: ${message.text()} (${message.location().url})`;
      this.log.push(line);
      if (["error", "warning"].includes(message.type())) this.#complain(line);
    });
    page.on("pageerror", (error) => {
      this.log.push(`thrown: ${error.stack}`);
      this.#complain(`thrown: ${error.stack}`);
    });
    page.on("request", (request) => {
      if (request.isNavigationRequest() && request.frame() === page.mainFrame()) this.#leaving = true;
    });
    page.on("domcontentloaded", () => {
      this.#leaving = false;
    });
    page.on("dialog", (dialog) => {
      this.#complain(`a dialog of the browser: ${dialog.message()}`);
      return dialog.dismiss();
    });
  }

  /** Has what the Content-Security-Policy blocks reported, from the first script on. */
  begin() {
    return this.page.addInitScript(() => {
      document.addEventListener("securitypolicyviolation", (event) => {
        console.error(`policy: ${event.violatedDirective} blocked ${event.blockedURI} ${event.sample}`);
      });
    });
  }

  /** From now on, complaints like these are expected, such as `/status of 401/`. */
  expect(...patterns) {
    this.#expected.push(...patterns);
  }

  /** Complaints about the network are expected while something happens that stops it. */
  expectOutage() {
    this.expect(...network);
  }

  #complain(line) {
    if (this.#leaving && /net::ERR_/.test(line)) return;
    if (!this.#expected.some((pattern) => pattern.test(line))) this.#complaints.push(line);
  }

  /** The complaints so far that nobody expected; they are not reported again. */
  take() {
    return this.#complaints.splice(0);
  }

  /** Fails if there are complaints. */
  check() {
    const complaints = this.take();
    if (complaints.length) throw new Error(`the page of ${this.name} complains:\n${complaints.join("\n")}`);
  }

  /** What can be seen now: a picture, and an outline as a screen reader has it. */
  async seen() {
    const { page } = this;
    const address = page.url();
    try {
      const outline = await page.locator("body").ariaSnapshot({ timeout: 5000 });
      return { address, outline, picture: await page.screenshot({ timeout: 10_000 }) };
    } catch (error) {
      return { address, outline: `cannot be seen: ${error}` };
    }
  }
}

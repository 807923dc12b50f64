import { describe, expect, test } from "vitest";

import type { Parley } from "./parley.js";
import { tokenLife } from "./testing/server.js";
import { Browser, general, opened, pass, scene, signedIn } from "./testing/scene.js";

describe("a sign-in", () => {
  test("is refused with what is wrong", async () => {
    const server = scene();
    const ann = new Browser(server).tab();
    const refused = expect(ann.start().then(() => ann.signIn("ann", "wrong"))).rejects.toMatchObject({ code: "invalid_credentials", status: 401 });
    await pass(100);
    await refused;
    expect(ann).toMatchObject({ me: null, connection: "idle", server: { registration: "open" } });
  });

  test("is found again by the next visit", async () => {
    const server = scene();
    const browser = new Browser(server);
    const first = await signedIn(server, "ann", browser);
    first.close();
    const second = await started(browser);
    expect(second).toMatchObject({ me: { username: "ann" }, connection: "ready" });
    expect(second.groups).toHaveLength(1);
  });

  test("is renewed before its token expires, and the connection is given the new one", async () => {
    const server = scene();
    const ann = await signedIn(server, "ann");
    const [socket] = server.sockets;
    await pass(5 * tokenLife);
    expect(refreshes(server)).toBeGreaterThanOrEqual(5);
    expect([...server.sockets]).toEqual([socket]);
    expect(server.said.filter((s) => s.event === "AUTH").length).toBe(refreshes(server));
    expect(ann.connection).toBe("ready");
  });

  test("is renewed once when its token is refused, however many ask", async () => {
    const server = scene();
    const ann = await signedIn(server, "ann");
    server.expireTokens();
    const asked = Promise.all([ann.api.usersById([2]), ann.api.usersById([3]), ann.loadMembers(10)]);
    await pass(200);
    await asked;
    expect(refreshes(server)).toBe(1);
    expect(ann.me).not.toBeNull();
  });

  test("ends when its refresh token is refused, and says why", async () => {
    const server = scene();
    const ann = await signedIn(server, "ann");
    const ended: unknown[] = [];
    ann.on("signed-out", (happening) => ended.push(happening));
    server.revoke(1);
    await pass(1_000);
    expect(ended).toEqual([{ problem: { code: "refresh_token_invalid", detail: "You are signed out. Sign in again." } }]);
    expect(ann).toMatchObject({ me: null, connection: "idle", groups: [] });
    expect(ann.conversation(general).segment.messages).toEqual([]);
  });

  test("ends when an answer with a new refresh token got lost, since the old one counts as stolen then", async () => {
    const server = scene();
    const ann = await signedIn(server, "ann");
    const ended: unknown[] = [];
    ann.on("signed-out", ({ problem }) => ended.push(problem.code));
    server.expireTokens();
    server.fault = (_method, path) => {
      if (path !== "/auth/refresh") return undefined;
      server.fault = undefined;
      return "unanswered";
    };
    const asked = expect(ann.api.usersById([2])).rejects.toMatchObject({ code: "token_reused" });
    await pass(5_000);
    await asked;
    expect(ended).toEqual(["token_reused"]);
  });

  test("is started without a server, and goes on when there is one", async () => {
    const server = scene();
    const browser = new Browser(server);
    (await signedIn(server, "ann", browser)).close();
    server.down = true;
    const again = await started(browser);
    await pass(10_000);
    expect(again).toMatchObject({ me: { username: "ann" }, connection: "offline" });
    server.down = false;
    await pass(30_000);
    expect(again).toMatchObject({ connection: "ready", server: { version: "fake" } });
    expect(again.groups).toHaveLength(1);
  });
});

describe("two tabs", () => {
  test("use a refresh token one after the other", async () => {
    const server = scene();
    const browser = new Browser(server);
    const first = await signedIn(server, "ann", browser);
    const second = await started(browser);
    server.expireTokens();
    const asked = Promise.all([first.api.usersById([2]), second.api.usersById([2])]);
    await pass(1_000);
    await asked;
    await pass(3 * tokenLife);
    expect([first.me?.id, second.me?.id]).toEqual([1, 1]);
  });

  test("sign in and out together", async () => {
    const server = scene();
    const browser = new Browser(server);
    const other = await started(browser);
    const first = await signedIn(server, "ann", browser);
    await pass(500);
    expect(other).toMatchObject({ me: { username: "ann" }, connection: "ready" });

    const out = first.signOut();
    await pass(500);
    await out;
    expect([first.me, other.me]).toEqual([null, null]);
    expect(browser.storage.length).toBe(0);
    expect(server.sockets.size).toBe(0);
  });

  test("show another user once somebody else signs in", async () => {
    const server = scene();
    const browser = new Browser(server);
    const first = await signedIn(server, "ann", browser);
    const second = await started(browser);
    await opened(second, general);
    const changed = first.signIn("ben", "password");
    await pass(1_000);
    await changed;
    expect(second.me?.username).toBe("ben");
    expect(second.connection).toBe("ready");
  });
});

async function started(browser: Browser): Promise<Parley> {
  const parley = browser.tab();
  const done = parley.start();
  await pass(500);
  await done;
  return parley;
}

function refreshes(server: ReturnType<typeof scene>): number {
  return server.requests.filter((r) => r.path === "/auth/refresh").length;
}

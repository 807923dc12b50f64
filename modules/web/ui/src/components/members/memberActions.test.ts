import { createPinia, setActivePinia } from "pinia";
import { createApp } from "vue";
import { beforeEach, expect, it, vi } from "vitest";

import type { Member, Role, User } from "@/client";
import { fakeParley, type FakeParley } from "@/client/testing/fake";
import { at, theGroups, theUsers } from "@/client/testing/people";
import { useConfirmation } from "@/components/base/confirm";
import { createTexts } from "@/i18n";
import { useParley } from "@/stores/parley";

import { useMemberActions } from "./memberActions";

const texts = createTexts();
let parley: FakeParley;

beforeEach(async () => { await texts.use("en"); });

/** What Ann may do in group 1 with the role. */
function actionsAs(role: Role) {
  const ban = vi.fn<(user: User) => void>();
  const done = vi.fn<(text: string) => void>();
  const pinia = createPinia();
  setActivePinia(pinia);
  parley = fakeParley({ groups: theGroups().map((group) => ({ ...group, role })) });
  useParley().use(parley);
  let actions!: ReturnType<typeof useMemberActions>;
  const caller = createApp({
    setup() {
      actions = useMemberActions({ groupId: () => 1, ban, done });
      return () => null;
    },
  });
  caller.use(texts.i18n).use(pinia).mount(document.createElement("div"));
  return { ...actions, ban, done };
}

const member = (index: number, role: Role): Member => ({ user: theUsers[index]!, role, joinedAt: at(0) });
const keys = (items: { key: string }[]) => items.map(({ key }) => key);

it.each<[Role, Role, string[]]>([
  ["owner", "member", ["owner", "admin", "remove", "ban"]],
  ["owner", "admin", ["owner", "member", "remove", "ban"]],
  ["owner", "owner", []],
  ["admin", "member", ["remove", "ban"]],
  ["admin", "admin", []],
  ["member", "member", []],
])("offers the %s for a %s: %j", (mine, other, offered) => {
  expect(keys(actionsAs(mine).itemsFor(member(1, other)))).toEqual(offered);
});

it("offers owners to step down, and nobody to remove themselves", () => {
  expect(keys(actionsAs("owner").itemsFor(member(0, "owner")))).toEqual(["admin", "member"]);
  expect(keys(actionsAs("admin").itemsFor(member(0, "admin")))).toEqual([]);
});

it("changes a role at once, and asks before it makes an owner", async () => {
  const { itemsFor, done } = actionsAs("owner");
  const run = (key: string) => itemsFor(member(1, "member")).find((item) => item.key === key)?.run();
  await run("admin");
  expect(parley.called("api.setRole")).toEqual([[1, 2, "admin"]]);
  expect(done).toHaveBeenCalledWith("Ben is an admin now.");

  const refused = run("owner");
  useConfirmation().answer(false);
  await refused;
  const agreed = run("owner");
  useConfirmation().answer(true);
  await agreed;
  expect(parley.called("api.setRole")).toEqual([[1, 2, "admin"], [1, 2, "owner"]]);
});

it("shows what the server refuses, and is not done then", async () => {
  const { itemsFor, submission, done } = actionsAs("owner");
  parley.failNext("api.removeMember", { code: "forbidden", status: 403, detail: "As member you may not." });
  const removed = itemsFor(member(1, "member")).find((item) => item.key === "remove")?.run();
  useConfirmation().answer(true);
  await removed;
  expect(submission.problem.value?.message).toBe("As member you may not.");
  expect(done).not.toHaveBeenCalled();
});

it("leaves the reason of a ban to the page", () => {
  const { itemsFor, ban } = actionsAs("admin");
  void itemsFor(member(1, "member")).find((item) => item.key === "ban")?.run();
  expect(ban).toHaveBeenCalledWith(theUsers[1]);
});

import { flushPromises, mount, type VueWrapper } from "@vue/test-utils";
import { createPinia, setActivePinia } from "pinia";
import { beforeEach, describe, expect, it } from "vitest";
import { computed, shallowRef } from "vue";

import type { ChannelMessage, Message, Pending, Place } from "@/client";
import { type FakeParley, fakeParley } from "@/client/testing/fake";
import { at, channelMessage, personalMessage } from "@/client/testing/people";
import { createTexts } from "@/i18n";
import { useParley } from "@/stores/parley";

import { messageContext, type MessageContext } from "./context";
import MessageRow from "./MessageRow.vue";

const place: Place = { kind: "channel", id: 1 };
const texts = createTexts();
const done: unknown[][] = [];
let parley: FakeParley;
let context: MessageContext;

beforeEach(async () => {
  await texts.use("en");
  done.length = 0;
  setActivePinia(createPinia());
  useParley().use((parley = fakeParley()));
  const note = (what: string) => (...args: unknown[]) => void done.push([what, ...args]);
  context = {
    place,
    find: (id) => (id === 7 ? channelMessage({ seq: 1, messageId: 7, content: "the first one" }) : undefined),
    readers: computed(() => [{ id: 2, joinedAt: at(0) }, { id: 3, joinedAt: at(0) }]),
    editing: shallowRef(),
    stopEditing: note("stopEditing"),
    react: note("react"),
    pickReaction: note("pick"),
    showRecipients: note("recipients"),
    showPerson: note("person"),
  };
});

function row(message: Message | Pending, more: { continued?: boolean } = {}, within: MessageContext | null = context): VueWrapper {
  return mount(MessageRow, { props: { message, ...more }, global: { plugins: [texts.i18n], provide: within ? { [messageContext as symbol]: within } : {} } });
}

const message = (more: Partial<ChannelMessage> = {}) => channelMessage({ seq: 5, ...more });
const pending = (more: Partial<Pending>): Pending => ({ hash: "a", place, content: "hello", createdAt: at(1), state: "waiting", ...more });

describe("a row", () => {
  it("says who, when and what", () => {
    const text = row(message()).text();
    expect(text).toContain("Ben");
    expect(text).toContain("message 5");
    expect(row(message()).find("time").attributes("datetime")).toBe(at(5));
  });

  it("that goes on does not name its author again", () => {
    expect(row(message(), { continued: true }).find(".author").exists()).toBe(false);
  });

  it("of somebody who has deleted the account says so", () => {
    expect(row(message({ senderId: 99 })).text()).toContain("Deleted user");
  });

  it("shows nothing of a deleted message", () => {
    const deleted = row(message({ content: "", deletedAt: at(9), senderId: 1 }));
    expect(deleted.text()).toContain("This message was deleted.");
    expect(deleted.find(".receipt").exists()).toBe(false);
  });

  it.each([
    ["mentions one", { mentions: { users: [1] } }, true],
    ["mentions everybody", { mentions: { channel: true } }, true],
    ["mentions others", { mentions: { users: [3] } }, false],
    ["is one's own", { mentions: { channel: true }, senderId: 1 }, false],
  ] as [string, Partial<ChannelMessage>, boolean][])("that %s is set off: %s", (_, more, off) => {
    expect(row(message(more)).classes().includes("mentioned")).toBe(off);
  });

  it("shows what it answers, and leads there", async () => {
    const answer = row(message({ replyTo: 7 }));
    expect(answer.find(".quote").text()).toContain("the first one");
    await answer.find(".quote").trigger("click");
    expect(answer.emitted("jump")?.[0]?.[0]).toBe(7);
    expect(row(message({ replyTo: 8 })).find(".quote").text()).toBe("An earlier message");
  });

  it("leads to its thread", async () => {
    const root = row(message({ replies: 3 }));
    expect(root.find(".thread").text()).toBe("3 replies");
    await root.find(".thread").trigger("click");
    expect(root.emitted("thread")).toHaveLength(1);
  });

  it("says that it was edited, and who has pinned it", () => {
    const text = row(message({ editedAt: at(6), pinnedAt: at(7), pinnedBy: 3 })).text();
    expect(text).toContain("(edited)");
    expect(text).toContain("Pinned by Cleo");
  });

  it("of a personal chat has no more than its text", () => {
    expect(row(personalMessage({ seq: 1 })).findAll("button").map((b) => b.text())).toEqual(["Ben"]);
  });

  it("is only shown where nothing can be done with messages", () => {
    expect(row(message({ senderId: 1, reactions: [{ emoji: "👍", count: 1, mine: false, userIds: [2] }] }), {}, null).findAll("button:enabled")).toEqual([]);
  });
});

describe("reactions", () => {
  const reacted = message({ reactions: [{ emoji: "👍", count: 12, mine: true, userIds: [1, 2, 3] }, { emoji: "🎉", count: 1, mine: false, userIds: [2] }] });

  it("say how many and who", () => {
    const [first, second] = row(reacted).findAll(".reaction");
    expect(first!.text()).toBe("👍12");
    expect(first!.attributes()).toMatchObject({ "aria-pressed": "true", title: "Ann, Ben, Cleo and 9 more" });
    expect(second!.attributes()).toMatchObject({ "aria-pressed": "false", title: "Ben" });
  });

  it("are joined and taken away by pressing them", async () => {
    const [first, second] = row(reacted).findAll(".reaction");
    await first!.trigger("click");
    await second!.trigger("click");
    expect(done.map((d) => [d[0], ...d.slice(2)])).toEqual([["react", "👍", false], ["react", "🎉", true]]);
  });
});

describe("how far a message of one's own has got", () => {
  const mine = message({ senderId: 1 });
  const got = (deliveredSeq: number, readSeq: number) => ({ deliveredSeq, readSeq });

  it.each([
    ["sent", [], "Sent"],
    ["delivered", [[2, got(5, 4)]], "Delivered to 1 of 2"],
    ["delivered", [[2, got(5, 5)], [3, got(5, 0)]], "Read by 1 of 2"],
    ["read", [[2, got(5, 5)], [3, got(6, 6)]], "Read by 2 of 2"],
  ] as [string, [number, { deliveredSeq: number; readSeq: number }][], string][])("is %s: %j", (step, receipts, label) => {
    parley.setConversation(place, { receipts: new Map(receipts) });
    const receipt = row(mine).find("button.receipt");
    expect(receipt.classes()).toContain(step);
    expect(receipt.attributes("aria-label")).toBe(label);
  });

  it("leads to who they are", async () => {
    await row(mine).find("button.receipt").trigger("click");
    expect(done[0]?.[0]).toBe("recipients");
  });

  it("is not said of others'", () => {
    expect(row(message()).find(".receipt").exists()).toBe(false);
  });

  it("begins with sending, and is sent once the server keeps it", () => {
    expect(row(pending({})).find(".receipt").text()).toBe("Sending");
    expect(row(pending({ state: "accepted" })).find(".receipt").text()).toBe("Sent");
  });
});

describe("a message that was not sent", () => {
  it("says why, and is sent again or forgotten", async () => {
    parley.setConversation(place, { pending: [pending({ state: "failed" })] });
    const failed = row(pending({ state: "failed", problem: { code: "not_a_member", detail: "You are not in this group." } }));
    expect(failed.text()).toContain("Not sent: You are not in this group.");
    const [retry, discard] = failed.findAll(".failed button");
    await retry!.trigger("click");
    await discard!.trigger("click");
    expect(parley.called("retry")).toEqual([[place, "a"]]);
    expect(parley.called("discard")).toEqual([[place, "a"]]);
  });
});

describe("editing", () => {
  const mine = message({ senderId: 1, content: "helo" });

  async function editor(): Promise<VueWrapper> {
    context = { ...context, editing: shallowRef(mine.messageId) };
    const editing = row(mine);
    await import("./MessageEditor.vue");
    await flushPromises();
    return editing;
  }

  it("saves with Enter", async () => {
    const area = (await editor()).find("textarea");
    expect(area.element.value).toBe("helo");
    await area.setValue("hello");
    await area.trigger("keydown", { key: "Enter" });
    await flushPromises();
    expect(parley.called("edit")).toEqual([[mine, "hello"]]);
    expect(done).toEqual([["stopEditing"]]);
  });

  it("leaves it as it was with Esc, or when nothing has changed", async () => {
    const area = (await editor()).find("textarea");
    await area.trigger("keydown", { key: "Enter" });
    await area.setValue("something else");
    await area.trigger("keydown", { key: "Escape" });
    expect(parley.called("edit")).toEqual([]);
    expect(done).toEqual([["stopEditing"], ["stopEditing"]]);
  });

  it("says what the server has refused, and keeps the text", async () => {
    parley.failNext("edit", { code: "message_deleted", detail: "It was deleted." });
    const editing = await editor();
    await editing.find("textarea").setValue("hello");
    await editing.find("textarea").trigger("keydown", { key: "Enter" });
    await flushPromises();
    expect(editing.find("[role=alert]").text()).toBe("It was deleted.");
    expect(editing.find("textarea").element.value).toBe("hello");
    expect(done).toEqual([]);
  });
});

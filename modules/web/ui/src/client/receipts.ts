import { isOfChannel } from "./messages.js";
import { pathOf } from "./requests.js";
import type { Room } from "./room.js";
import type { Recipient } from "./types.js";
import type { World } from "./world.js";

/** How many recipients are fetched. Of more, events say how many there are. */
const most = 200;

/** How far others have got with one's messages, before any event says so. */
export class Receipts {
  readonly #w: World;
  /** The message of one's own of each room whose recipients were fetched, and after which epoch. */
  readonly #fetched = new WeakMap<Room, string>();

  constructor(world: World) {
    this.#w = world;
  }

  /** Fetches who has got, or read, one's own latest message in a channel, unless that was done since everything was fetched. */
  refresh(room: Room): void {
    const { me, http, sync, changes } = this.#w;
    const message = room.live?.messages.findLast((m) => m.senderId === me);
    if (!message || !isOfChannel(message) || message.deletedAt) return;
    const state = `${message.seq}:${sync.epoch}`;
    if (this.#fetched.get(room) === state) return;
    this.#fetched.set(room, state);
    const take = ({ items, next }: { items: Recipient[]; next?: string }): void => {
      if (next) return;
      const progress = items.map(({ userId, status }) => [userId, {
        ...(status === "SENT" ? {} : { deliveredSeq: message.seq }), ...(status === "READ" ? { readSeq: message.seq } : {}),
      }] as const);
      if (room.advance(progress)) changes.note(room.key);
    };
    // It is shown when it is there; if it cannot be had, it is not.
    void http.page<Recipient>(`${pathOf(message)}/recipients?limit=${most}`, "recipients").then(take, () => this.#fetched.delete(room));
  }

  /** How far the other one of a personal chat has got, as the chat says. */
  ofChat(room: Room): void {
    const chat = room.place.kind === "direct" ? this.#w.chats.get(room.place.id) : undefined;
    if (chat) room.advance([[chat.user.id, chat.other]]);
  }
}

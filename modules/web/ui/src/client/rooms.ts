import type { PlaceKey } from "./parley.js";
import { Room } from "./room.js";

/** How many rooms keep all messages that were fetched, beginning with the one that was visited last; how many keep some; and how many messages that is. */
const whole = 10;
const some = 100;
const tail = 50;
/** How many rooms are taken for shown. */
const shown = 3;

/** The rooms that are known. Those that nobody has visited for long keep little, or nothing. */
export class Rooms {
  readonly #rooms = new Map<PlaceKey, Room>();
  #visits = 0;

  get(key: PlaceKey): Room | undefined {
    return this.#rooms.get(key);
  }

  /** The room of a place, which may be a new one. */
  of(key: PlaceKey): Room {
    let room = this.#rooms.get(key);
    if (!room) this.#rooms.set(key, (room = new Room(key)));
    return room;
  }

  /** Those of which there are messages here. */
  loaded(): Room[] {
    return [...this.#rooms.values()].filter((room) => room.loaded);
  }

  keys(): PlaceKey[] {
    return [...this.#rooms.keys()];
  }

  /** Those that were visited last, which are likely to be shown. */
  latest(): Room[] {
    return this.loaded().filter((room) => room.visited > 0).sort((a, b) => b.visited - a.visited).slice(0, shown);
  }

  /** Somebody looks at a room: others may be forgotten for it. */
  visit(room: Room): void {
    room.visited = ++this.#visits;
    const others = this.loaded().filter((r) => r !== room).sort((a, b) => b.visited - a.visited);
    for (const old of others.slice(whole - 1)) {
      old.apart = undefined;
      old.live?.trim(tail);
    }
    for (const old of others.slice(some - 1)) old.forget();
  }

  remove(key: PlaceKey): void {
    this.#rooms.delete(key);
  }
}

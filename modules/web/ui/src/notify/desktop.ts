import type { PlaceKey } from "@/client";

/** A notification of the desktop, as it is to be shown. */
export interface Note {
  title: string;
  body: string;
  /** Called when the user clicks on it. */
  open(): void;
}

const maxBody = 200;

/** Shows notifications, one for each place: a newer one takes the place of the one before without a sound of its own. */
export class Desktop {
  readonly #shown = new Map<PlaceKey, Notification>();

  show(key: PlaceKey, { title, body, open }: Note): void {
    let note: Notification;
    try {
      note = new Notification(title, { body: body.length > maxBody ? `${body.slice(0, maxBody)}…` : body, tag: `parley.${key}`, icon: "/icon.svg" });
    } catch {
      // Browsers of phones have the class, but show notifications for service workers only.
      return;
    }
    note.addEventListener("click", () => {
      note.close();
      window.focus();
      open();
    });
    note.addEventListener("close", () => {
      if (this.#shown.get(key) === note) this.#shown.delete(key);
    });
    this.#shown.set(key, note);
  }

  /** Takes away what is shown of a place: the user sees the place itself now. */
  close(key: PlaceKey): void {
    this.#shown.get(key)?.close();
  }

  closeAll(): void {
    for (const note of this.#shown.values()) note.close();
  }
}

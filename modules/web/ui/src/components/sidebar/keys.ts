/** Which command a key press is for, from anywhere in the application. */
export type Command = "switcher" | "shortcuts" | "previous" | "next" | "previous-unread" | "next-unread";

const apple = /Mac|iPhone|iPad/.test(navigator.platform);

/** The key that goes with letters for commands, as it is written on keyboards of this device; t is the function for texts. */
export function modifier(t: (key: string) => string): string {
  return apple ? "⌘" : t("app.key.ctrl");
}

/** The key that goes with arrows. */
export const alternative = apple ? "⌥" : "Alt";

/** Whether what is typed into an element becomes text. */
function takesText(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && (target.isContentEditable || target.matches("input, textarea, select"));
}

/** The command of a key press, if it is one. */
export function commandOf(event: KeyboardEvent): Command | undefined {
  const { key, altKey, shiftKey, ctrlKey, metaKey } = event;
  if ((ctrlKey || metaKey) && !altKey && !shiftKey && key.toLowerCase() === "k") return "switcher";
  if (ctrlKey || metaKey) return undefined;
  if (altKey && key === "ArrowUp") return shiftKey ? "previous-unread" : "previous";
  if (altKey && key === "ArrowDown") return shiftKey ? "next-unread" : "next";
  return key === "?" && !altKey && !takesText(event.target) ? "shortcuts" : undefined;
}

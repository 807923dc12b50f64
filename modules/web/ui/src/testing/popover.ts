/**
 * What happy-dom does not have of the popover attribute: showing and hiding by the program, with the two events. Nothing here closes one
 * because of a click elsewhere.
 */
const shown = new WeakSet<Element>();

function toggle(element: HTMLElement, newState: "open" | "closed"): void {
  const states = { oldState: newState === "open" ? "closed" : "open", newState };
  element.dispatchEvent(Object.assign(new Event("beforetoggle"), states));
  if (newState === "open") shown.add(element);
  else shown.delete(element);
  element.dispatchEvent(Object.assign(new Event("toggle"), states));
}

HTMLElement.prototype.showPopover = function showPopover(): void {
  if (!shown.has(this)) toggle(this, "open");
};
HTMLElement.prototype.hidePopover = function hidePopover(): void {
  if (shown.has(this)) toggle(this, "closed");
};

const { matches } = Element.prototype;
Element.prototype.matches = function matchesPopover(this: Element, selector: string): boolean {
  return selector === ":popover-open" ? shown.has(this) : matches.call(this, selector);
} as typeof matches;

// A click on a button opens and closes what it has the id of.
document.addEventListener("click", (event) => {
  const id = (event.target as Element | null)?.closest("[popovertarget]")?.getAttribute("popovertarget");
  const element = id ? document.getElementById(id) : null;
  if (element) toggle(element, shown.has(element) ? "closed" : "open");
});

/** Shows the icon of the page with or without a dot. */
export function markIcon(dotted: boolean): void {
  const link = document.querySelector<HTMLLinkElement>('link[rel="icon"]');
  const href = dotted ? "/icon-dot.svg" : "/icon.svg";
  if (link && link.getAttribute("href") !== href) link.setAttribute("href", href);
}

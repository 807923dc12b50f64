import type { IconName } from "./icons";

/** An entry of an AppMenu. */
export interface MenuItem {
  key: string;
  label: string;
  icon?: IconName;
  danger?: boolean;
  disabled?: boolean;
  run(): unknown;
}

/** Where a key of the menu pattern leads to from position `from` of `count` entries; undefined for other keys. */
export function moveInMenu(key: string, from: number, count: number): number | undefined {
  switch (key) {
    case "ArrowDown":
      return (from + 1) % count;
    case "ArrowUp":
      return (from - 1 + count) % count;
    case "Home":
      return 0;
    case "End":
      return count - 1;
    default:
      return undefined;
  }
}

import { assemble } from "./areas";

/** What the first page needs, and most of what comes after it; the rest is in de.later.ts. */
export default assemble(
  import.meta.glob(["./locales/de/*.json", "!**/auth.json", "!**/group.json", "!**/invite.json", "!**/settings.json"], { eager: true, import: "default" }),
);

import { assemble } from "./areas";

/** What the first page needs, and most of what comes after it; the rest is in en.later.ts. */
export default assemble(
  import.meta.glob(["./locales/en/*.json", "!**/auth.json", "!**/group.json", "!**/invite.json", "!**/settings.json"], { eager: true, import: "default" }),
);

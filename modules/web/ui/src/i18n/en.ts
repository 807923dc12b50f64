import { assemble } from "./areas";

/** Everything but what is in en.later.ts. */
const areas = import.meta.glob(["./locales/en/*.json", "!**/auth.json", "!**/settings.json"], { eager: true, import: "default" });

export default assemble(areas);

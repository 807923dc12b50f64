import { assemble } from "./areas";

/** Everything but what is in de.later.ts. */
const areas = import.meta.glob(["./locales/de/*.json", "!**/auth.json", "!**/settings.json"], { eager: true, import: "default" });

export default assemble(areas);

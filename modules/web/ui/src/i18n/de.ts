import { assemble } from "./areas";

/** What a channel needs; the rest is in de.later.ts. */
const areas = import.meta.glob("./locales/de/{app,composer,conversation,emoji,members,messages,notify,people,sidebar}.json", { eager: true, import: "default" });

export default assemble(areas);

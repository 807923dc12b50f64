import { assemble } from "./areas";

/** What a channel needs; the rest is in en.later.ts. */
const areas = import.meta.glob("./locales/en/{app,composer,conversation,emoji,members,messages,notify,people,sidebar}.json", { eager: true, import: "default" });

export default assemble(areas);

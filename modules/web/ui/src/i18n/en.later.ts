import { assemble } from "./areas";

/** What only some pages, panels and dialogs need. */
const areas = import.meta.glob("./locales/en/{auth,group,invite,mentions,pins,search,settings,thread}.json", { eager: true, import: "default" });

export default assemble(areas);

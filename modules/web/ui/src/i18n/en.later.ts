import { assemble } from "./areas";

/** The texts of pages that say in the router that they need more. */
const areas = import.meta.glob("./locales/en/{auth,settings}.json", { eager: true, import: "default" });

export default assemble(areas);

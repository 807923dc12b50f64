import { assemble } from "./areas";

/** What only a few pages and dialogs need. */
export default assemble(import.meta.glob("./locales/en/{auth,group,invite,settings}.json", { eager: true, import: "default" }));

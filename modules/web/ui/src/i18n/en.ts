import { assemble } from "./areas";

export default assemble(import.meta.glob("./locales/en/*.json", { eager: true, import: "default" }));

import { assemble } from "./areas";

export default assemble(import.meta.glob("./locales/de/*.json", { eager: true, import: "default" }));

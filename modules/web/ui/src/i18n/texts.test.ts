import { expect, test } from "vitest";

import { createTexts } from "./index";

test("everything is said in the language that is used, and the page says which it is", async () => {
  const { i18n, use } = createTexts();
  await use("de");
  expect(document.documentElement.lang).toBe("de");
  expect(i18n.global.t("app.close")).toBe("Schließen");
  expect(i18n.global.t("settings.title")).toBe("Einstellungen");
  await use("en");
  expect(i18n.global.t("app.close")).toBe("Close");
});

test("numbers and names are filled in", async () => {
  const { i18n, use } = createTexts();
  await use("en");
  expect(i18n.global.t("app.badge.unread", { count: 1 }, 1)).toBe("1 unread message");
  expect(i18n.global.t("app.badge.unread", { count: 3 }, 3)).toBe("3 unread messages");
  expect(i18n.global.t("sidebar.left.removed", { group: "Maple Street" })).toBe("You were removed from Maple Street.");
});

test("what few pages need is loaded for them", async () => {
  const { i18n, begin, complete } = createTexts();
  await begin("de");
  expect(i18n.global.t("app.close")).toBe("Schließen");
  expect(i18n.global.getLocaleMessage("de")).not.toHaveProperty(["settings.title"]);
  await complete();
  expect(i18n.global.t("settings.title")).toBe("Einstellungen");
  expect(i18n.global.t("app.close")).toBe("Schließen");
});

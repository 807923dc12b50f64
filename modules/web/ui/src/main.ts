import "@/styles/tokens.css";
import "@/styles/base.css";

import { createPinia } from "pinia";
import { createApp, watch } from "vue";

import App from "@/App.vue";
import { createParley } from "@/client";
import { createTexts } from "@/i18n";
import { createAppRouter } from "@/router";
import { useParley } from "@/stores/parley";
import { useSettings } from "@/stores/settings";

/** Puts the application together: nothing here knows more of a part than how to make it. */
async function start(): Promise<void> {
  const app = createApp(App);
  app.use(createPinia());

  const settings = useSettings();
  const texts = createTexts();
  const firstTexts = texts.begin(settings.shownLanguage);
  watch(() => settings.shownLanguage, texts.use);
  app.use(texts.i18n);

  const parley = createParley();
  useParley().use(parley);

  const session = { known: parley.start(), signedIn: () => parley.me !== null, hasAccounts: () => parley.server?.accounts ?? true };
  app.use(createAppRouter(session, async () => firstTexts.then(texts.complete)));

  await firstTexts;
  app.mount("#app");
}

void start();

import { createRouter, createWebHistory, type RouteRecordRaw, type Router, type RouterHistory } from "vue-router";

import ChatLayout from "@/views/ChatLayout.vue";
import ConversationView from "@/views/ConversationView.vue";
import WelcomeView from "@/views/WelcomeView.vue";

import { guard, type Session } from "./guard";

declare module "vue-router" {
  interface RouteMeta {
    /** "user": for those who are signed in. "guest": for those who are not. Everybody otherwise. */
    for?: "user" | "guest";
    /** The page needs the texts of auth or settings, which most do not. */
    moreTexts?: boolean;
  }
}

/** An id in a path: what else is in its place is not found. */
const id = "(\\d{1,16})";

/** What shows the first channel is loaded as one file: in parts, it would be dozens of small ones. The rest is loaded when somebody goes there. */
export const routes: RouteRecordRaw[] = [
  { path: "/sign-in", name: "sign-in", component: () => import("@/views/SignIn.vue"), meta: { for: "guest", moreTexts: true } },
  { path: "/sign-up", name: "sign-up", component: () => import("@/views/SignUp.vue"), meta: { for: "guest", moreTexts: true } },
  {
    path: "/",
    component: ChatLayout,
    meta: { for: "user" },
    children: [
      { path: "", name: "home", component: WelcomeView },
      { path: "invite/:code", name: "invite", component: () => import("@/views/Invite.vue") },
      { path: `g/:groupId${id}/c/:channelId${id}`, name: "channel", component: ConversationView },
      { path: `d/:userId${id}`, name: "direct", component: ConversationView },
      { path: "mentions", name: "mentions", component: () => import("@/views/Mentions.vue") },
      { path: "search", name: "search", component: () => import("@/views/Search.vue") },
      { path: "settings/:section?", name: "settings", component: () => import("@/views/Settings.vue"), meta: { moreTexts: true } },
      { path: `g/:groupId${id}/admin/:section?`, name: "group-admin", component: () => import("@/views/GroupAdmin.vue") },
    ],
  },
  { path: "/:path(.*)*", name: "not-found", component: () => import("@/views/NotFound.vue") },
];

/**
 * The router of the application. Before the first page it waits until it is known whether somebody is signed in; before those that need more texts,
 * until they are here.
 */
export function createAppRouter(session: Session, moreTexts: () => Promise<void>, history: RouterHistory = createWebHistory()): Router {
  const router = createRouter({ history, routes });
  router.beforeEach((to) => guard(to, session));
  router.beforeResolve((to) => (to.meta.moreTexts ? moreTexts() : undefined));
  return router;
}

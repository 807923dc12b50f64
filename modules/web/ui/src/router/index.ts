import { createRouter, createWebHistory, type RouteRecordRaw, type Router, type RouterHistory } from "vue-router";

import { guard, type Session } from "./guard";

declare module "vue-router" {
  interface RouteMeta {
    /** "user": for those who are signed in. "guest": for those who are not. Everybody otherwise. */
    for?: "user" | "guest";
  }
}

/** An id in a path: what else is in its place is not found. */
const id = "(\\d{1,16})";

export const routes: RouteRecordRaw[] = [
  { path: "/sign-in", name: "sign-in", component: () => import("@/views/SignIn.vue"), meta: { for: "guest" } },
  { path: "/sign-up", name: "sign-up", component: () => import("@/views/SignUp.vue"), meta: { for: "guest" } },
  {
    path: "/",
    component: () => import("@/views/ChatLayout.vue"),
    meta: { for: "user" },
    children: [
      { path: "", name: "home", component: () => import("@/views/WelcomeView.vue") },
      { path: "invite/:code", name: "invite", component: () => import("@/views/Invite.vue") },
      { path: `g/:groupId${id}/c/:channelId${id}`, name: "channel", component: () => import("@/views/ConversationView.vue") },
      { path: `d/:userId${id}`, name: "direct", component: () => import("@/views/ConversationView.vue") },
      { path: "mentions", name: "mentions", component: () => import("@/views/Mentions.vue") },
      { path: "search", name: "search", component: () => import("@/views/Search.vue") },
      { path: "settings/:section?", name: "settings", component: () => import("@/views/Settings.vue") },
      { path: `g/:groupId${id}/admin/:section?`, name: "group-admin", component: () => import("@/views/GroupAdmin.vue") },
    ],
  },
  { path: "/:path(.*)*", name: "not-found", component: () => import("@/views/NotFound.vue") },
];

/** The router of the application. Before the first page it waits until it is known whether somebody is signed in. */
export function createAppRouter(session: Session, history: RouterHistory = createWebHistory()): Router {
  const router = createRouter({ history, routes });
  router.beforeEach((to) => guard(to, session));
  return router;
}

/** The two roots of every address: the page to sign in, and the shell that all others stand in. */

import { createRootRoute, createRoute, lazyRouteComponent, redirect } from "@tanstack/react-router";
import { textOf } from "@/lib/search";
import { currentKey } from "@/session/session";
import { ErrorScreen } from "./ErrorScreen";
import { NotFound } from "./NotFound";
import { Shell } from "./Shell";

export const rootRoute = createRootRoute({ notFoundComponent: NotFound, errorComponent: ErrorScreen });

export const signInRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: "/sign-in",
  validateSearch: (query): { next?: string } => {
    const next = textOf(query, "next");
    // An address of this site and nothing else, however the link was written.
    return next?.startsWith("/") && !next.startsWith("//") ? { next } : {};
  },
  beforeLoad: ({ search }) => {
    if (currentKey() !== null) throw redirect({ href: search.next ?? "/executions", replace: true });
  },
  component: lazyRouteComponent(() => import("@/session/SignIn"), "SignIn"),
});

/** Pages are children of it: they have a key, the navigation and the header. */
export const shellRoute = createRoute({
  getParentRoute: () => rootRoute,
  id: "shell",
  beforeLoad: ({ location }) => {
    if (currentKey() === null) throw redirect({ to: "/sign-in", search: { next: location.href }, replace: true });
  },
  component: Shell,
});

/** What no page has, with the menu around it. */
export const strayRoute = createRoute({ getParentRoute: () => shellRoute, path: "$", component: NotFound });

export const homeRoute = createRoute({
  getParentRoute: () => shellRoute,
  path: "/",
  beforeLoad: () => {
    throw redirect({ to: "/executions", replace: true });
  },
});

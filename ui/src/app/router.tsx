/** Every page by its address. A new page adds its route here, and its place in the menu in `navigation.ts`. */

import { createRouter } from "@tanstack/react-router";
import { parseQuery, writeQuery } from "@/lib/search";
import { executionRoute } from "@/pages/execution/route";
import { executionsRoute } from "@/pages/executions/route";
import { ErrorScreen } from "./ErrorScreen";
import { NotFound } from "./NotFound";
import { homeRoute, rootRoute, shellRoute, signInRoute, strayRoute } from "./routes";

const routeTree = rootRoute.addChildren([
  signInRoute,
  shellRoute.addChildren([homeRoute, executionsRoute, executionRoute, strayRoute]),
]);

export const router = createRouter({
  routeTree,
  parseSearch: parseQuery,
  stringifySearch: writeQuery,
  defaultPreload: "intent",
  defaultErrorComponent: ErrorScreen,
  defaultNotFoundComponent: NotFound,
  defaultPendingMs: 300,
});

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}

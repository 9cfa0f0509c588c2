import { createRoute, lazyRouteComponent } from "@tanstack/react-router";
import { EXECUTION_STATUSES, type ExecutionStatus } from "@/api/types";
import { shellRoute } from "@/app/routes";
import { given, manyOf, oneOf, textOf } from "@/lib/search";

export const SPANS = ["hour", "day", "week", "month"] as const;

/** What is looked for; all of it stands in the URL. */
export interface ExecutionsSearch {
  status?: ExecutionStatus[];
  kind?: string;
  flow?: string;
  since?: (typeof SPANS)[number];
  q?: string;
}

export const executionsRoute = createRoute({
  getParentRoute: () => shellRoute,
  path: "/executions",
  validateSearch: (query): ExecutionsSearch =>
    given({
      status: manyOf(query, "status", EXECUTION_STATUSES),
      kind: textOf(query, "kind"),
      flow: textOf(query, "flow"),
      since: oneOf(query, "since", SPANS),
      q: textOf(query, "q"),
    }),
  component: lazyRouteComponent(() => import("./ExecutionsPage"), "ExecutionsPage"),
});

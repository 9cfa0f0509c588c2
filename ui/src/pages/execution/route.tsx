import { createRoute, lazyRouteComponent } from "@tanstack/react-router";
import { shellRoute } from "@/app/routes";
import { given, oneOf, textOf } from "@/lib/search";

export const TABS = ["items", "pace", "logs", "request"] as const;
export const ITEM_FILTERS = ["failed", "succeeded", "pending", "skipped", "cancelled"] as const;
export const LEVELS = ["info", "warn", "error"] as const;

/** Which part of an execution is looked at; all of it stands in the URL. */
export interface ExecutionSearch {
  tab?: (typeof TABS)[number];
  /** Items of this status only. */
  show?: (typeof ITEM_FILTERS)[number];
  /** The item that is open, by its path. */
  item?: string;
  level?: (typeof LEVELS)[number];
  node?: string;
  text?: string;
}

export const executionRoute = createRoute({
  getParentRoute: () => shellRoute,
  path: "/executions/$executionId",
  validateSearch: (query): ExecutionSearch =>
    given({
      tab: oneOf(query, "tab", TABS),
      show: oneOf(query, "show", ITEM_FILTERS),
      item: textOf(query, "item"),
      level: oneOf(query, "level", LEVELS),
      node: textOf(query, "node"),
      text: textOf(query, "text"),
    }),
  component: lazyRouteComponent(() => import("./ExecutionPage"), "ExecutionPage"),
});

import { ListChecks } from "lucide-react";
import type { ComponentType } from "react";

export interface Place {
  label: string;
  to: "/executions";
  icon: ComponentType<{ size?: number; "aria-hidden"?: boolean }>;
  /** What a key must hold to see it. */
  scope: string;
}

/** The menu at the left, from top to bottom; the command palette offers the same. */
export const PLACES: readonly Place[] = [
  { label: "Executions", to: "/executions", icon: ListChecks, scope: "executions:read" },
];

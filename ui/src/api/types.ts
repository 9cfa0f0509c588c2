/** The shapes of the API by short names. */
import type { components } from "./schema";

type Schemas = components["schemas"];

export type Execution = Schemas["Progress"];
export type ExecutionStatus = Execution["status"];
export type Item = Schemas["Item"];
export type ItemCounts = Schemas["ItemCounts"];
export type ItemStatus = keyof ItemCounts;
export type Pace = Schemas["Pace"];
export type LogLine = Schemas["LogLine"];
export type ErrorObject = Schemas["ErrorObject"];
export type Usage = Schemas["Usage"];
export type Whoami = Schemas["Whoami"];
export type Cancelled = Schemas["Cancelled"];

export const EXECUTION_STATUSES = [
  "pending",
  "running",
  "paused",
  "completed",
  "failed",
  "cancelled",
  "timeout",
] as const satisfies readonly ExecutionStatus[];

const OVER: readonly string[] = ["completed", "failed", "cancelled", "timeout"];

/** Whether an execution of this status goes on by itself no more. */
export function isOver(status: ExecutionStatus): boolean {
  return OVER.includes(status);
}

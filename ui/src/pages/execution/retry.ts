import { api, body } from "@/api/client";
import type { Execution } from "@/api/types";

/** Run items again inside their execution: the failed ones, those that never ran too, or the paths given. */
export function retryItems(executionId: string, items: "failed" | "unfinished" | string[]): Promise<Execution> {
  return body(
    api.POST("/executions/{executionId}/retry", {
      params: { path: { executionId } },
      body: { items, errorCodes: [], flowVersion: "same" },
    }),
  );
}

import { queryOptions, useQuery } from "@tanstack/react-query";
import { api, body } from "@/api/client";
import type { Whoami } from "@/api/types";

export const whoamiQuery = queryOptions({
  queryKey: ["whoami"],
  queryFn: () => body(api.GET("/whoami")),
  staleTime: 5 * 60_000,
});

/** Whose the session's key is; undefined until it is known. */
export function useWhoami(): Whoami | undefined {
  return useQuery(whoamiQuery).data;
}

/** Whether the session's key may do what `scope` names. Until it is known: no. */
export function useMay(scope: string): boolean {
  return useWhoami()?.key.scopes.includes(scope) ?? false;
}

/** Whether the server answers: told by every call, shown once for all pages. */

import { useSyncExternalStore } from "react";

let reached = true;
const listeners = new Set<() => void>();

export function noteReached(now: boolean): void {
  if (now === reached) return;
  reached = now;
  for (const listener of listeners) listener();
}

export function useReached(): boolean {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => reached,
  );
}

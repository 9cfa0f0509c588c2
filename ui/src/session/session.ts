/** Who is signed in: a key, kept for this tab, or on this device for whoever ticks that. */

import { useSyncExternalStore } from "react";

const NAME = "penstock.key";

export interface Session {
  key: string | null;
  /** Why the last session ended, where it was not the user who ended it. */
  ended: string | null;
}

let session: Session = { key: sessionStorage.getItem(NAME) ?? localStorage.getItem(NAME), ended: null };
const listeners = new Set<() => void>();

export function currentKey(): string | null {
  return session.key;
}

export function beginSession(key: string, { remembered }: { remembered: boolean }): void {
  forget();
  (remembered ? localStorage : sessionStorage).setItem(NAME, key);
  change({ key, ended: null });
}

export function endSession(reason: string | null = null): void {
  if (session.key === null) return;
  forget();
  change({ key: null, ended: reason });
}

export function useSession(): Session {
  return useSyncExternalStore(subscribe, () => session);
}

/** Called after each sign-in and sign-out; returns how to stop. */
export function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

function forget() {
  sessionStorage.removeItem(NAME);
  localStorage.removeItem(NAME);
}

function change(next: Session) {
  session = next;
  for (const listener of listeners) listener();
}

/** Calls of Penstock's own API, typed by its description. A refusal is thrown as a `Problem`. */

import createClient, { type Middleware } from "openapi-fetch";
import { currentKey, endSession } from "@/session/session";
import { Problem, problemOf } from "./problem";
import { noteReached } from "./reach";
import type { paths } from "./schema";

export const BASE = "/v1";

const authorised: Middleware = {
  onRequest({ request }) {
    const key = currentKey();
    if (key !== null && !request.headers.has("Authorization")) request.headers.set("Authorization", `Bearer ${key}`);
    return request;
  },
  async onResponse({ request, response }) {
    noteReached(true);
    if (response.ok || response.status === 304) return;
    const problem = await problemOf(response);
    // Only what the session's own key was refused for ends the session: signing in tries other keys.
    if (response.status === 401 && request.headers.get("Authorization") === `Bearer ${currentKey()}`) {
      endSession(problem.detail);
    }
    throw problem;
  },
  onError({ error }) {
    // A read that nobody waits for any more says nothing about the server.
    if (error instanceof DOMException && error.name === "AbortError") return error;
    noteReached(false);
    return new Problem(
      0,
      "unreachable",
      "The server cannot be reached. It may be restarting; this page goes on trying.",
    );
  },
};

export const api = createClient<paths>({ baseUrl: BASE });
api.use(authorised);

/** The body of a call that was not refused. */
export async function body<T>(call: Promise<{ data?: T }>): Promise<T> {
  return (await call).data as T;
}

/** A raw request with the session's key, for streams and downloads. Throws a `Problem` when it is refused. */
export async function fetchRaw(path: string, init: RequestInit = {}): Promise<Response> {
  const headers = new Headers(init.headers);
  headers.set("Authorization", `Bearer ${currentKey() ?? ""}`);
  const response = await fetch(BASE + path, { ...init, headers });
  if (!response.ok) throw await problemOf(response);
  return response;
}

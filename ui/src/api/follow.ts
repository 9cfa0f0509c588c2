/** Following an execution without a gap: whoever has seen event n is told n + 1, over lost lines and restarts. */

import { fetchRaw } from "./client";
import { Problem } from "./problem";
import { eventsOf, type ServerEvent } from "./sse";

export type Line = "connecting" | "live" | "reconnecting" | "over";

export interface Follower {
  onEvent: (event: ServerEvent) => void;
  onLine: (line: Line) => void;
  /** The stream is refused for good: the execution is gone, or the key may not read it. */
  onRefused: (problem: Problem) => void;
}

const SHORTEST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 5_000;
/** The server says something at least every 15 s; a line that is silent for longer is dead. */
const SILENCE_MS = 40_000;

/** Follow until it is over, or until `signal` says stop. The first event is a snapshot. */
export async function follow(executionId: string, follower: Follower, signal: AbortSignal): Promise<void> {
  let last: string | null = null;
  let failures = 0;
  follower.onLine("connecting");
  while (!signal.aborted) {
    const line = new AbortController();
    const stop = () => line.abort();
    signal.addEventListener("abort", stop, { once: true });
    try {
      const headers: Record<string, string> = last === null ? {} : { "Last-Event-ID": last };
      const path = `/executions/${encodeURIComponent(executionId)}/events?snapshot=true`;
      const response = await fetchRaw(path, { headers, signal: line.signal });
      follower.onLine("live");
      failures = 0;
      for await (const event of watched(response, line)) {
        if (event.id !== null) last = event.id;
        follower.onEvent(event);
        if (event.kind === "done" || event.kind === "gone") {
          follower.onLine("over");
          return;
        }
      }
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof Problem && !error.passing) {
        follower.onRefused(error);
        return;
      }
    } finally {
      signal.removeEventListener("abort", stop);
    }
    if (signal.aborted) return;
    follower.onLine("reconnecting");
    await pause(Math.min(LONGEST_PAUSE_MS, SHORTEST_PAUSE_MS * 2 ** failures), signal);
    failures += 1;
  }
}

async function* watched(response: Response, line: AbortController): AsyncGenerator<ServerEvent> {
  let timer = setTimeout(() => line.abort(), SILENCE_MS);
  try {
    // Heartbeats are comments, which the parser drops, so the silence is measured on the bytes.
    const heard = response.body?.pipeThrough(
      new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>({
        transform(chunk, controller) {
          clearTimeout(timer);
          timer = setTimeout(() => line.abort(), SILENCE_MS);
          controller.enqueue(chunk);
        },
      }),
    );
    yield* eventsOf(new Response(heard ?? null));
  } finally {
    clearTimeout(timer);
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      resolve();
    });
  });
}

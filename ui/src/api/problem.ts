/** A refusal of the API (RFC 9457), or `status` 0 when the server was not reached. */
export class Problem extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    readonly detail: string,
    readonly faults: readonly { path: string; message: string }[] = [],
    readonly requestId: string | null = null,
  ) {
    super(detail);
    this.name = "Problem";
  }

  /** Whether asking again may help: nobody answered, or the server said that it is not able to just now. */
  get passing(): boolean {
    return this.status === 0 || this.status === 429 || this.status >= 502;
  }
}

/** The refusal that a response is, also when something between us and the server wrote it. */
export async function problemOf(response: Response): Promise<Problem> {
  try {
    const said = (await response.json()) as Record<string, unknown>;
    return new Problem(
      response.status,
      String(said["code"] ?? "unknown"),
      String(said["detail"] ?? response.statusText),
      (said["errors"] as { path: string; message: string }[] | undefined) ?? [],
      said["requestId"] === undefined ? null : String(said["requestId"]),
    );
  } catch {
    return new Problem(response.status, "unknown", `The server answered with status ${response.status}.`);
  }
}

/** What went wrong, for people. */
export function detailOf(error: unknown): string {
  if (error instanceof Problem) {
    return [error.detail, ...error.faults.map((fault) => `${fault.path}: ${fault.message}`)].join(" ");
  }
  return error instanceof Error ? error.message : String(error);
}

/** Server-sent events over `fetch`, which can send a key where `EventSource` cannot. */

export interface ServerEvent {
  id: string | null;
  kind: string;
  data: string;
}

/** Takes the text of a stream in any pieces, and gives the events that are complete. */
export class EventParser {
  private rest = "";
  private id: string | null = null;
  private kind = "message";
  private data: string[] = [];

  push(text: string): ServerEvent[] {
    const lines = (this.rest + text).split(/\r\n|\n|\r/);
    this.rest = lines.pop() ?? "";
    const found: ServerEvent[] = [];
    for (const line of lines) {
      if (line === "") {
        if (this.data.length > 0) found.push({ id: this.id, kind: this.kind, data: this.data.join("\n") });
        this.id = null;
        this.kind = "message";
        this.data = [];
      } else this.field(line);
    }
    return found;
  }

  private field(line: string) {
    const colon = line.indexOf(":");
    if (colon === 0) return;
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (name === "id") this.id = value;
    else if (name === "event") this.kind = value;
    else if (name === "data") this.data.push(value);
  }
}

/** Every event of an open response, until it ends. Rejects when the line is cut. */
export async function* eventsOf(response: Response): AsyncGenerator<ServerEvent> {
  if (response.body === null) return;
  const parser = new EventParser();
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  try {
    while (true) {
      const { value, done } = await reader.read();
      if (done) return;
      yield* parser.push(value);
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}

import { fetchRaw } from "@/api/client";

export interface Format {
  label: string;
  part: "results" | "items";
  media: string;
  ending: string;
}

export const FORMATS: readonly Format[] = [
  { label: "Results as JSON", part: "results", media: "application/json", ending: "json" },
  { label: "Results as NDJSON", part: "results", media: "application/x-ndjson", ending: "ndjson" },
  { label: "Results as CSV", part: "results", media: "text/csv", ending: "csv" },
  { label: "Items with their errors, as NDJSON", part: "items", media: "application/x-ndjson", ending: "items.ndjson" },
];

/** Save a part of an execution as a file. The key goes in a header, so a plain link cannot do it. */
export async function download(executionId: string, format: Format): Promise<void> {
  const path = `/executions/${encodeURIComponent(executionId)}/${format.part}`;
  const response = await fetchRaw(path, { headers: { Accept: format.media } });
  const url = URL.createObjectURL(await response.blob());
  const link = document.createElement("a");
  link.href = url;
  link.download = `${executionId}.${format.ending}`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

import type { ErrorComponentProps } from "@tanstack/react-router";
import { Failure } from "@/components/Notices";

/** Instead of a page that broke: the rest of the interface goes on working. */
export function ErrorScreen({ error, reset }: ErrorComponentProps) {
  return (
    <div className="p-4">
      <Failure error={error} onRetry={reset} />
    </div>
  );
}

import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { api, body } from "@/api/client";
import { type Execution, isOver, type Pace } from "@/api/types";
import { Empty, Failure, Skeleton } from "@/components/Notices";
import { Plot } from "@/components/Plot";
import { count, duration } from "@/lib/format";

const AGAIN_MS = 3_000;

/** How fast items finish, and how long each of them takes. */
export function PaceTab({ execution }: { execution: Execution }) {
  const { executionId } = execution;
  const over = isOver(execution.status);
  const pace = useQuery({
    queryKey: ["pace", executionId, execution.generation],
    queryFn: () => body(api.GET("/executions/{executionId}/pace", { params: { path: { executionId } } })),
    refetchInterval: over ? false : AGAIN_MS,
  });
  const lines = useMemo(() => pace.data && linesOf(pace.data, over), [pace.data, over]);
  if (lines === undefined) return pace.error ? <Failure error={pace.error} /> : <Skeleton />;
  if (pace.data?.points.length === 0) {
    return (
      <Empty title="No item has finished yet">
        <p>Throughput and latency are plotted from the first one on.</p>
      </Empty>
    );
  }
  const stretch = duration(pace.data?.bucketMs ?? 0);
  return (
    <div className="grid gap-6 px-4 py-4 md:px-6 xl:grid-cols-2">
      <section className="grid min-w-0 content-start gap-2">
        <h2 className="text-sm font-semibold">
          Throughput <span className="font-normal text-quiet">items per second, over {stretch} each</span>
        </h2>
        <Plot label="Throughput in items per second" times={lines.times} lines={lines.throughput} format={perSecond} />
      </section>
      <section className="grid min-w-0 content-start gap-2">
        <h2 className="text-sm font-semibold">
          Latency <span className="font-normal text-quiet">time from the beginning of an item to its end</span>
        </h2>
        <Plot label="Latency of items" times={lines.times} lines={lines.latency} format={duration} />
      </section>
    </div>
  );
}

/**
 * Every stretch of time in its turn: none finished in those that the answer leaves out. The last one of a run that
 * goes on is not over, and would look like a fall.
 */
function linesOf(pace: Pace, over: boolean) {
  const begin = Date.parse(pace.begin);
  const whole = Math.floor((Date.parse(pace.end) - begin) / pace.bucketMs);
  const stretches = over || whole === 0 ? whole + 1 : whole;
  const points = new Map(
    pace.points.map((point) => [Math.round((Date.parse(point.at) - begin) / pace.bucketMs), point]),
  );
  const each = Array.from({ length: stretches }, (_, n) => points.get(n));
  const rate = (items: number) => items / (pace.bucketMs / 1_000);
  return {
    times: each.map((_, n) => (begin + n * pace.bucketMs) / 1_000),
    throughput: [
      { label: "Finished", colour: "accent", filled: true, values: each.map((point) => rate(point?.finished ?? 0)) },
      { label: "Failed", colour: "bad", values: each.map((point) => rate(point?.failed ?? 0)) },
    ],
    latency: [
      { label: "Median", colour: "accent", values: each.map((point) => point?.durationMsP50 ?? null) },
      { label: "95 of 100", colour: "warn", values: each.map((point) => point?.durationMsP95 ?? null) },
    ],
  };
}

function perSecond(value: number): string {
  return `${value < 10 ? Number(value.toFixed(1)) : count(Math.round(value))}/s`;
}

import { ago, dollars, duration, exactly, moment } from "@/lib/format";
import { useNow } from "@/lib/now";

/** A time: the local one, the exact one on hover. */
export function Time({ at, relative = false }: { at: string | null; relative?: boolean }) {
  const now = useNow(10_000, relative && at !== null);
  if (at === null) return <span className="text-quiet">–</span>;
  return (
    <time dateTime={at} title={exactly(at)} className="whitespace-nowrap">
      {relative ? ago(at, now) : moment(at, new Date(now))}
    </time>
  );
}

/** An amount of money. Where some calls have no known price, it is a lower bound, and says so. */
export function Cost({ usd, unpriced = 0 }: { usd: string; unpriced?: number }) {
  const exact = `$${usd}${unpriced > 0 ? `, and ${unpriced} model calls without a known price` : ""}`;
  return (
    <span title={exact} className="whitespace-nowrap">
      {unpriced > 0 && "≥ "}
      {dollars(usd)}
    </span>
  );
}

export function Duration({ ms }: { ms: number | null }) {
  if (ms === null) return <span className="text-quiet">–</span>;
  return (
    <span title={`${ms.toLocaleString("en")} ms`} className="whitespace-nowrap">
      {duration(ms)}
    </span>
  );
}

export function Kbd({ children }: { children: string }) {
  return (
    <kbd className="rounded border border-line-strong bg-sunken px-1 py-px font-sans text-2xs text-quiet">
      {children}
    </kbd>
  );
}

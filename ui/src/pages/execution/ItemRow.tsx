import type { Item } from "@/api/types";
import { Checkbox } from "@/components/Fields";
import { StatusChip } from "@/components/StatusChip";
import { Cost, Duration } from "@/components/Values";
import { classes } from "@/lib/classes";

/** The columns of the table of items, for its head and its rows. */
export const ROW_COLUMNS =
  "grid items-center gap-3 px-4 md:px-6 " +
  "grid-cols-[1rem_3.5rem_6.5rem_minmax(0,1fr)] " +
  "md:grid-cols-[1rem_4.5rem_6.5rem_minmax(0,1fr)_minmax(0,1.4fr)_4.5rem_4.5rem]";

interface ItemRowProps {
  row: number;
  /** Pixels from the top of the table. */
  top: number;
  /** Missing while it is being read. */
  item: Item | undefined;
  current: boolean;
  opened: boolean;
  chosen: boolean;
  onOpen: (item: Item) => void;
  onChoose: (item: Item) => void;
}

export function ItemRow({ row, top, item, current, opened, chosen, onOpen, onChoose }: ItemRowProps) {
  return (
    <div
      role="row"
      id={`item-row-${row}`}
      aria-rowindex={row + 2}
      aria-selected={chosen}
      onClick={() => item && onOpen(item)}
      style={{ transform: `translateY(${top}px)` }}
      className={classes(
        ROW_COLUMNS,
        "absolute inset-x-0 top-0 h-9 cursor-pointer border-b border-line text-sm hover:bg-hover",
        (chosen || opened) && "bg-chosen",
        current && "in-focus-visible:outline-2 in-focus-visible:-outline-offset-2 in-focus-visible:outline-accent",
      )}
    >
      {item ? <Cells item={item} chosen={chosen} onChoose={onChoose} /> : <Waiting />}
    </div>
  );
}

function Cells({ item, chosen, onChoose }: { item: Item; chosen: boolean; onChoose: (item: Item) => void }) {
  return (
    <>
      <span role="gridcell" onClick={(event) => event.stopPropagation()}>
        <Checkbox
          tabIndex={-1}
          className="block"
          aria-label={`Choose item ${item.path}`}
          checked={chosen}
          onChange={() => onChoose(item)}
        />
      </span>
      <span role="gridcell" className="truncate font-mono text-xs" title={item.path}>
        {item.path}
      </span>
      <span role="gridcell">
        <StatusChip status={item.status} />
      </span>
      <span role="gridcell" className="truncate font-mono text-xs text-quiet max-md:hidden">
        {textOf(item.input)}
      </span>
      <span role="gridcell" className={classes("truncate text-xs", item.error ? "text-bad" : "font-mono")}>
        {item.error ? item.error.message : textOf(item.output)}
      </span>
      <span role="gridcell" className="text-right text-xs max-md:hidden">
        <Duration ms={durationOf(item)} />
      </span>
      <span role="gridcell" className="text-right text-xs max-md:hidden">
        <Cost usd={item.usage.costUsd} unpriced={item.usage.unpricedCalls} />
      </span>
    </>
  );
}

function Waiting() {
  return <span role="gridcell" aria-label="Loading" className="col-span-full h-3 rounded bg-hover" />;
}

/** From the beginning to the end of an item, in milliseconds. */
export function durationOf(item: Item): number | null {
  if (item.startedAt === null || item.finishedAt === null) return null;
  return Date.parse(item.finishedAt) - Date.parse(item.startedAt);
}

function textOf(preview: unknown): string {
  return typeof preview === "string" ? preview : "";
}

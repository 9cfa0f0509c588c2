import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useVirtualizer } from "@tanstack/react-virtual";
import { RotateCcw } from "lucide-react";
import { type KeyboardEvent, useMemo, useRef, useState } from "react";
import { detailOf } from "@/api/problem";
import { type Execution, type Item, type ItemCounts, isOver } from "@/api/types";
import { Button } from "@/components/Button";
import { Empty, Failure, Skeleton } from "@/components/Notices";
import { toast } from "@/components/Toasts";
import { classes } from "@/lib/classes";
import { count, counted } from "@/lib/format";
import { useMay } from "@/session/whoami";
import { ItemRow, ROW_COLUMNS } from "./ItemRow";
import { useItemCounts, useItems } from "./items";
import { remember } from "./live";
import { retryItems } from "./retry";
import { executionRoute, ITEM_FILTERS } from "./route";
import { stretchesOf } from "./stretches";

const ROW_PX = 36;

/** Items of a run, failed ones first. Only the rows in sight are read and drawn, however many there are. */
export function ItemsTab({ execution }: { execution: Execution }) {
  const { show, item } = executionRoute.useSearch();
  const navigate = executionRoute.useNavigate();
  const counts = useItemCounts(execution.executionId);
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  if (counts.data === undefined) {
    return counts.error ? <Failure error={counts.error} onRetry={() => void counts.refetch()} /> : <Skeleton />;
  }
  const open = (path: string) => void navigate({ search: (before) => ({ ...before, item: path }), resetScroll: false });
  return (
    <>
      <div className="flex shrink-0 flex-wrap items-center gap-1.5 px-4 py-2 md:px-6">
        <ItemFilters
          counts={counts.data}
          show={show}
          onShow={(next) =>
            void navigate({ search: ({ show: _, ...rest }) => (next ? { ...rest, show: next } : rest), replace: true })
          }
        />
        {chosen.size > 0 && <RetryChosen execution={execution} chosen={chosen} onDone={() => setChosen(new Set())} />}
      </div>
      <ItemsTable
        key={show ?? "all"}
        execution={execution}
        counts={counts.data}
        opened={item}
        onOpen={open}
        chosen={chosen}
        onChoose={setChosen}
      />
    </>
  );
}

type Show = (typeof ITEM_FILTERS)[number] | undefined;

function ItemFilters({ counts, show, onShow }: { counts: ItemCounts; show: Show; onShow: (show: Show) => void }) {
  const all = ITEM_FILTERS.reduce((sum, status) => sum + counts[status], 0);
  const filters = [
    { show: undefined, label: "All", number: all },
    ...ITEM_FILTERS.filter((status) => counts[status] > 0 || status === show).map((status) => ({
      show: status,
      label: status,
      number: counts[status],
    })),
  ];
  return (
    <fieldset className="flex flex-wrap gap-1.5">
      <legend className="sr-only">Which items</legend>
      {filters.map((filter) => (
        <button
          key={filter.label}
          type="button"
          aria-pressed={filter.show === show}
          onClick={() => onShow(filter.show)}
          className={classes(
            "h-7 rounded-full border px-2.5 text-xs",
            filter.show === show
              ? "border-accent bg-accent-soft font-medium text-accent"
              : "border-line-strong hover:bg-hover",
          )}
        >
          {filter.label} <span className={filter.show === show ? "" : "text-quiet"}>{count(filter.number)}</span>
        </button>
      ))}
    </fieldset>
  );
}

interface RetryChosenProps {
  execution: Execution;
  chosen: ReadonlySet<string>;
  onDone: () => void;
}

function RetryChosen({ execution, chosen, onDone }: RetryChosenProps) {
  const queries = useQueryClient();
  const may = useMay("executions:run") && isOver(execution.status);
  const retry = useMutation({
    mutationFn: () => retryItems(execution.executionId, [...chosen]),
    onSuccess: (reopened) => {
      remember(queries, reopened);
      onDone();
    },
    onError: (error) => toast(detailOf(error), { bad: true }),
  });
  return (
    <span className="ml-auto flex items-center gap-2">
      <Button
        icon={<RotateCcw aria-hidden size={14} />}
        busy={retry.isPending}
        disabled={!may}
        title={may ? "They run again inside this execution" : "Possible once it is over"}
        onClick={() => retry.mutate()}
      >
        Retry {counted(chosen.size, "item")}
      </Button>
      <Button look="quiet" onClick={onDone}>
        Choose none
      </Button>
    </span>
  );
}

interface ItemsTableProps {
  execution: Execution;
  counts: ItemCounts;
  opened: string | undefined;
  onOpen: (path: string) => void;
  chosen: ReadonlySet<string>;
  onChoose: (chosen: ReadonlySet<string>) => void;
}

function ItemsTable({ execution, counts, opened, onOpen, chosen, onChoose }: ItemsTableProps) {
  const { show } = executionRoute.useSearch();
  const scroller = useRef<HTMLDivElement>(null);
  const [current, setCurrent] = useState(0);
  const stretches = useMemo(() => stretchesOf(counts, show), [counts, show]);
  const total = stretches.reduce((sum, stretch) => sum + stretch.rows, 0);
  const virtual = useVirtualizer({
    count: total,
    getScrollElement: () => scroller.current,
    estimateSize: () => ROW_PX,
    overscan: 12,
  });
  const seen = virtual.getVirtualItems();
  const { rows, error } = useItems(execution.executionId, stretches, seen[0]?.index ?? 0, seen.at(-1)?.index ?? 0);
  const onKey = (event: KeyboardEvent) => {
    const page = Math.max(1, Math.floor((scroller.current?.clientHeight ?? 0) / ROW_PX) - 1);
    const steps: Record<string, number> = {
      ArrowDown: 1,
      ArrowUp: -1,
      PageDown: page,
      PageUp: -page,
      Home: -total,
      End: total,
    };
    const step = steps[event.key];
    const item = rows.get(current);
    if (step !== undefined) {
      const next = Math.max(0, Math.min(total - 1, current + step));
      setCurrent(next);
      virtual.scrollToIndex(next);
    } else if (event.key === "Enter" && item) onOpen(item.path);
    else if (event.key === " " && item) onChoose(toggled(chosen, item));
    else return;
    event.preventDefault();
  };
  if (total === 0) return <NoItems execution={execution} />;
  return (
    <>
      {error && <Failure error={error} />}
      <div
        ref={scroller}
        role="grid"
        aria-label="Items"
        aria-rowcount={total + 1}
        aria-activedescendant={rows.has(current) ? `item-row-${current}` : undefined}
        tabIndex={0}
        onKeyDown={onKey}
        className="scrolls min-h-0 grow border-t border-line"
      >
        <div
          role="row"
          aria-rowindex={1}
          className={classes(
            ROW_COLUMNS,
            "sticky top-0 z-10 h-8 border-b border-line bg-page text-xs font-medium text-quiet",
          )}
        >
          {["", "Item", "Status", "Input", "Output or error", "Duration", "Cost"].map((name) => (
            <span
              key={name}
              role="columnheader"
              className={
                name === "Duration" || name === "Cost"
                  ? "text-right max-md:hidden"
                  : name === "Input"
                    ? "max-md:hidden"
                    : ""
              }
            >
              {name || <span className="sr-only">Chosen</span>}
            </span>
          ))}
        </div>
        <div className="relative" style={{ height: virtual.getTotalSize() }}>
          {seen.map(({ index, start }) => (
            <ItemRow
              key={index}
              row={index}
              top={start}
              item={rows.get(index)}
              current={index === current}
              opened={opened !== undefined && rows.get(index)?.path === opened}
              chosen={chosen.has(rows.get(index)?.path ?? "")}
              onOpen={(item) => {
                setCurrent(index);
                onOpen(item.path);
              }}
              onChoose={(item) => onChoose(toggled(chosen, item))}
            />
          ))}
        </div>
      </div>
    </>
  );
}

function toggled(chosen: ReadonlySet<string>, item: Item): ReadonlySet<string> {
  const next = new Set(chosen);
  if (!next.delete(item.path)) next.add(item.path);
  return next;
}

function NoItems({ execution }: { execution: Execution }) {
  return (
    <Empty title="No items here yet">
      <p>
        {isOver(execution.status)
          ? "This execution ended before any item was recorded."
          : "They appear as soon as they are finished. Rows of a data set are listed once they have run."}
      </p>
    </Empty>
  );
}

import { ChevronDown, X } from "lucide-react";
import { useCallback } from "react";
import { EXECUTION_STATUSES, type ExecutionStatus } from "@/api/types";
import { Button } from "@/components/Button";
import { Checkbox, SearchInput, Select } from "@/components/Fields";
import { Menu, MenuItem } from "@/components/Menu";
import { useDebounced } from "@/lib/debounced";
import { useMay } from "@/session/whoami";
import { useFlowNames } from "./data";
import { type ExecutionsSearch, SPANS } from "./route";

const KINDS = ["flow", "evaluation", "experiment", "trace_evaluation", "ingestion", "benchmark_draft", "optimization"];

interface FiltersProps {
  search: ExecutionsSearch;
  onChange: (changed: Partial<Record<keyof ExecutionsSearch, unknown>>) => void;
}

/** What is looked for. Every change is in the URL at once. */
export function Filters({ search, onChange }: FiltersProps) {
  const flows = useFlowNames(useMay("flows:read")).data ?? [];
  const setText = useCallback((q: string) => onChange({ q: q || undefined }), [onChange]);
  const [text, setTyped] = useDebounced(search.q ?? "", setText);
  const chosen = (name: keyof ExecutionsSearch) => (value: string) => onChange({ [name]: value || undefined });
  return (
    <search
      aria-label="Filters"
      className="flex shrink-0 flex-wrap items-center gap-2 border-b border-line px-4 pb-3 md:px-6"
    >
      <SearchInput
        aria-label="Name or id"
        placeholder="Name or id"
        value={text}
        onChange={(event) => setTyped(event.target.value)}
        className="w-full sm:w-56"
      />
      <StatusFilter chosen={search.status ?? []} onChange={(status) => onChange({ status })} />
      <Select
        aria-label="Kind"
        value={search.kind ?? ""}
        onChange={chosen("kind")}
        options={[
          { value: "", label: "Any kind" },
          ...kinds(search.kind).map((kind) => ({ value: kind, label: kind })),
        ]}
      />
      <Select
        aria-label="Flow"
        className="max-w-48"
        value={search.flow ?? ""}
        onChange={chosen("flow")}
        options={[
          { value: "", label: "Any flow" },
          ...flows.map((flow) => ({ value: flow.id, label: flow.name })),
          ...(search.flow && !flows.some((flow) => flow.id === search.flow)
            ? [{ value: search.flow, label: search.flow }]
            : []),
        ]}
      />
      <Select
        aria-label="Time"
        value={search.since ?? ""}
        onChange={chosen("since")}
        options={[{ value: "", label: "Any time" }, ...SPANS.map((span) => ({ value: span, label: `Last ${span}` }))]}
      />
      {Object.keys(search).length > 0 && (
        <Button
          look="quiet"
          icon={<X aria-hidden size={14} />}
          onClick={() =>
            onChange({ status: undefined, kind: undefined, flow: undefined, since: undefined, q: undefined })
          }
        >
          Clear
        </Button>
      )}
    </search>
  );
}

interface StatusFilterProps {
  chosen: readonly ExecutionStatus[];
  onChange: (statuses: ExecutionStatus[] | undefined) => void;
}

function StatusFilter({ chosen, onChange }: StatusFilterProps) {
  const toggle = (status: ExecutionStatus) => {
    const next = EXECUTION_STATUSES.filter((each) => (each === status) !== chosen.includes(each));
    onChange(next.length > 0 ? next : undefined);
  };
  const label = chosen.length === 0 ? "Any status" : chosen.length === 1 ? chosen[0] : `${chosen.length} statuses`;
  return (
    <Menu
      align="start"
      trigger={
        <Button className="font-normal">
          {label}
          <ChevronDown aria-hidden size={14} className="text-quiet" />
        </Button>
      }
    >
      {EXECUTION_STATUSES.map((status) => (
        <MenuItem
          key={status}
          stays
          icon={<Checkbox tabIndex={-1} aria-hidden readOnly checked={chosen.includes(status)} />}
          onSelect={() => toggle(status)}
        >
          {status}
        </MenuItem>
      ))}
    </Menu>
  );
}

function kinds(current: string | undefined): string[] {
  return current && !KINDS.includes(current) ? [...KINDS, current] : KINDS;
}

import { type KeyboardEvent, type ReactNode, useId, useRef } from "react";
import { classes } from "@/lib/classes";

interface TabsProps<T extends string> {
  label: string;
  tabs: readonly { id: T; label: ReactNode }[];
  current: T;
  onChange: (tab: T) => void;
  children: ReactNode;
  className?: string;
}

/** Tabs by the pattern of the ARIA guide: arrows move, only the current one is in the order of the Tab key. */
export function Tabs<T extends string>({ label, tabs, current, onChange, children, className }: TabsProps<T>) {
  const id = useId();
  const list = useRef<HTMLDivElement>(null);
  const move = (event: KeyboardEvent) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    const next = (tabs.findIndex((tab) => tab.id === current) + step + tabs.length) % tabs.length;
    const tab = tabs[next];
    if (tab) onChange(tab.id);
    list.current?.querySelectorAll<HTMLElement>("[role=tab]")[next]?.focus();
  };
  return (
    <div className={classes("flex min-h-0 flex-col", className)}>
      <div
        ref={list}
        role="tablist"
        aria-label={label}
        onKeyDown={move}
        className="scrolls flex shrink-0 gap-1 border-b border-line px-4 md:px-6"
      >
        {tabs.map((tab) => (
          <button
            key={tab.id}
            type="button"
            role="tab"
            id={`${id}-${tab.id}`}
            aria-selected={tab.id === current}
            aria-controls={`${id}-panel`}
            tabIndex={tab.id === current ? 0 : -1}
            onClick={() => onChange(tab.id)}
            className={classes(
              "-mb-px shrink-0 border-b-2 px-2.5 py-2 text-sm font-medium whitespace-nowrap",
              tab.id === current ? "border-accent text-text" : "border-transparent text-quiet hover:text-text",
            )}
          >
            {tab.label}
          </button>
        ))}
      </div>
      <div
        role="tabpanel"
        id={`${id}-panel`}
        aria-labelledby={`${id}-${current}`}
        className="flex min-h-0 grow flex-col"
      >
        {children}
      </div>
    </div>
  );
}

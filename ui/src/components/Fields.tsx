import { ChevronDown, Search } from "lucide-react";
import { type ComponentProps, type ReactNode, useId } from "react";
import { classes } from "@/lib/classes";

const BOX =
  "h-8 rounded-md border border-line-strong bg-raised px-2.5 text-sm hover:border-quiet aria-invalid:border-bad";

export function Input({ className, ...rest }: ComponentProps<"input">) {
  return <input className={classes(BOX, "w-full", className)} {...rest} />;
}

export function SearchInput({ className, ...rest }: ComponentProps<"input">) {
  return (
    <span className={classes("relative block", className)}>
      <Search aria-hidden size={14} className="pointer-events-none absolute top-2.25 left-2.5 text-quiet" />
      <input type="search" className={classes(BOX, "w-full pl-8")} {...rest} />
    </span>
  );
}

interface SelectProps extends Omit<ComponentProps<"select">, "onChange"> {
  options: readonly { value: string; label: string }[];
  onChange: (value: string) => void;
}

/** The browser's own select: keyboard, phone and screen reader know it already. */
export function Select({ options, onChange, className, ...rest }: SelectProps) {
  return (
    <span className={classes("relative inline-block", className)}>
      <select
        className={classes(BOX, "w-full appearance-none truncate pr-8")}
        onChange={(event) => onChange(event.target.value)}
        {...rest}
      >
        {options.map((option) => (
          <option key={option.value} value={option.value} className="bg-raised text-text">
            {option.label}
          </option>
        ))}
      </select>
      <ChevronDown aria-hidden size={14} className="pointer-events-none absolute top-2.25 right-2.5 text-quiet" />
    </span>
  );
}

export function Checkbox({ className, ...rest }: ComponentProps<"input">) {
  return <input type="checkbox" className={classes("block size-3.5 accent-accent-strong", className)} {...rest} />;
}

interface FieldProps {
  label: string;
  hint?: ReactNode;
  fault?: string | null;
  children: (bound: { id: string; "aria-describedby": string; "aria-invalid": boolean }) => ReactNode;
}

/** A label, the control, and below it what it means or what is wrong with it. */
export function Field({ label, hint, fault, children }: FieldProps) {
  const id = useId();
  return (
    <div className="grid gap-1">
      <label htmlFor={id} className="text-sm font-medium">
        {label}
      </label>
      {children({ id, "aria-describedby": `${id}-about`, "aria-invalid": fault != null })}
      <p id={`${id}-about`} className={classes("text-xs", fault ? "text-bad" : "text-quiet")}>
        {fault ?? hint}
      </p>
    </div>
  );
}

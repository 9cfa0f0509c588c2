import type { ComponentProps, ReactNode } from "react";
import { classes } from "@/lib/classes";

type Look = "primary" | "plain" | "quiet" | "danger";

const LOOKS: Record<Look, string> = {
  primary: "bg-accent-strong text-on-accent hover:bg-accent-hover border-transparent",
  plain: "bg-raised text-text hover:bg-hover border-line-strong",
  quiet: "border-transparent text-quiet hover:bg-hover hover:text-text",
  danger: "bg-raised text-bad border-line-strong hover:bg-bad-soft hover:border-bad",
};

/** How buttons look; for links that look like one too. */
export function buttonClasses(look: Look = "plain", className?: string): string {
  return classes(
    "inline-flex h-8 shrink-0 items-center justify-center gap-1.5 rounded-md border px-2.5 text-sm font-medium whitespace-nowrap",
    "transition-colors disabled:opacity-50 disabled:pointer-events-none aria-disabled:opacity-50",
    LOOKS[look],
    className,
  );
}

interface ButtonProps extends ComponentProps<"button"> {
  look?: Look;
  icon?: ReactNode;
  /** Something is under way because of it; it cannot be pressed again meanwhile. */
  busy?: boolean;
}

export function Button({ look, icon, busy = false, className, children, disabled, ...rest }: ButtonProps) {
  return (
    <button
      type="button"
      className={buttonClasses(look, className)}
      disabled={disabled || busy}
      aria-busy={busy || undefined}
      {...rest}
    >
      {icon}
      {children}
    </button>
  );
}

interface IconButtonProps extends ComponentProps<"button"> {
  label: string;
}

/** A button that shows only a picture; `label` says what it does. */
export function IconButton({ label, className, children, ...rest }: IconButtonProps) {
  return (
    <button
      type="button"
      aria-label={label}
      title={label}
      className={classes(
        "inline-flex size-8 shrink-0 items-center justify-center rounded-md text-quiet transition-colors",
        "hover:bg-hover hover:text-text disabled:pointer-events-none disabled:opacity-40",
        className,
      )}
      {...rest}
    >
      {children}
    </button>
  );
}

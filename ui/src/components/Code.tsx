import { Check, Copy } from "lucide-react";
import { useState } from "react";
import { classes } from "@/lib/classes";
import { IconButton } from "./Button";
import { toast } from "./Toasts";

export function CopyButton({ text, label = "Copy" }: { text: string; label?: string }) {
  const [copied, setCopied] = useState(false);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      setCopied(true);
      setTimeout(() => setCopied(false), 1_500);
    } catch {
      toast("This browser does not let the page copy; select the text instead.", { bad: true });
    }
  };
  return (
    <IconButton label={copied ? "Copied" : label} onClick={copy}>
      {copied ? <Check aria-hidden size={14} className="text-good" /> : <Copy aria-hidden size={14} />}
    </IconButton>
  );
}

/** Text that is shown letter by letter as it is, whoever wrote it, with a button that copies it. */
export function Code({ text, label, className }: { text: string; label: string; className?: string }) {
  return (
    <div className={classes("relative rounded-lg border border-line bg-sunken", className)}>
      <pre
        role="region"
        tabIndex={0}
        aria-label={label}
        className="scrolls max-h-96 rounded-lg p-3 pr-10 font-mono text-xs leading-5"
      >
        <code className="break-words whitespace-pre-wrap">{text}</code>
      </pre>
      <div className="absolute top-1 right-1">
        <CopyButton text={text} label={`Copy ${label}`} />
      </div>
    </div>
  );
}

/** A value as text: strings as they are, everything else as JSON. */
export function textOfValue(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value, null, 2);
}

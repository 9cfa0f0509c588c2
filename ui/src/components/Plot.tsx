import { useEffect, useRef, useSyncExternalStore } from "react";
import UPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { useTheme } from "@/app/theme";

export interface Line {
  label: string;
  /** A token of `styles.css` without `--color-`. */
  colour: string;
  values: readonly (number | null)[];
  /** Fill down to the axis. */
  filled?: boolean;
}

interface PlotProps {
  label: string;
  /** Seconds since 1970, ascending. */
  times: readonly number[];
  lines: readonly Line[];
  /** A value with its unit. */
  format: (value: number) => string;
}

const HEIGHT_PX = 200;
const dark = window.matchMedia("(prefers-color-scheme: dark)");

/** Lines over time, with the values under the pointer in a legend. The plotting library is loaded with the first one. */
export function Plot({ label, times, lines, format }: PlotProps) {
  const place = useRef<HTMLDivElement>(null);
  const theme = useTheme();
  const system = useSyncExternalStore(watchSystem, () => dark.matches);
  const plot = useRef<UPlot | null>(null);
  const shape = lines.map((line) => line.label).join();
  // What is drawn anew only when the looks change; values are put into the plot that is there.
  // biome-ignore lint/correctness/useExhaustiveDependencies: colours follow the theme, and lines come with each value
  useEffect(() => {
    const element = place.current;
    if (!element) return;
    const made = new UPlot(optionsOf(element, lines, format), dataOf(times, lines), element);
    plot.current = made;
    const sizes = new ResizeObserver(() => made.setSize({ width: element.clientWidth, height: HEIGHT_PX }));
    sizes.observe(element);
    return () => {
      sizes.disconnect();
      made.destroy();
      plot.current = null;
    };
  }, [theme, system, shape]);
  useEffect(() => plot.current?.setData(dataOf(times, lines)), [times, lines]);
  return <div ref={place} role="img" aria-label={label} className="min-w-0 text-xs" />;
}

function watchSystem(listener: () => void) {
  dark.addEventListener("change", listener);
  return () => dark.removeEventListener("change", listener);
}

function dataOf(times: readonly number[], lines: readonly Line[]): UPlot.AlignedData {
  return [[...times], ...lines.map((line) => [...line.values])];
}

function optionsOf(element: HTMLElement, lines: readonly Line[], format: (value: number) => string): UPlot.Options {
  const colour = coloursOf(element);
  const axis: UPlot.Axis = {
    stroke: colour("quiet"),
    grid: { stroke: colour("line"), width: 1 },
    ticks: { show: false },
    font: `11px ${getComputedStyle(element).fontFamily}`,
  };
  return {
    width: element.clientWidth,
    height: HEIGHT_PX,
    cursor: { points: { size: 6 }, drag: { x: false, y: false } },
    scales: { y: { range: (_, __, high) => [0, high > 0 ? high * 1.1 : 1] } },
    axes: [
      { ...axis, values: (_, ticks) => ticks.map((tick) => clock.format(tick * 1_000)) },
      { ...axis, size: 64, values: (_, ticks) => ticks.map(format) },
    ],
    series: [
      { label: "Time", value: (_, value) => (value === null ? "–" : clock.format(value * 1_000)) },
      ...lines.map(
        (line): UPlot.Series => ({
          label: line.label,
          stroke: colour(line.colour),
          width: 1.5,
          points: { show: line.values.length < 3 },
          ...(line.filled ? { fill: colour(`${line.colour}-soft`) } : {}),
          value: (_, value) => (value === null ? "–" : format(value)),
        }),
      ),
    ],
  };
}

const clock = new Intl.DateTimeFormat("en-GB", { timeStyle: "medium" });

/** What tokens are just now, as a canvas wants them: it knows no variables. */
function coloursOf(element: HTMLElement): (token: string) => string {
  const probe = document.createElement("span");
  element.append(probe);
  const found = new Map<string, string>();
  const tokens = [
    "quiet",
    "line",
    "accent",
    "accent-soft",
    "bad",
    "bad-soft",
    "good",
    "good-soft",
    "warn",
    "warn-soft",
  ];
  for (const token of tokens) {
    probe.style.color = `var(--color-${token})`;
    found.set(token, getComputedStyle(probe).color);
  }
  probe.remove();
  return (token) => found.get(token) ?? "currentcolor";
}

/** Numbers, times and sizes as people read them: always with their unit, in figures of one width. */

const whole = new Intl.NumberFormat("en");
const cents = new Intl.NumberFormat("en", { minimumFractionDigits: 2, maximumFractionDigits: 2 });
const timeOfDay = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });
const dayAndTime = new Intl.DateTimeFormat("en-GB", {
  day: "numeric",
  month: "short",
  hour: "2-digit",
  minute: "2-digit",
});
const dayOfYear = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", year: "numeric" });

export function count(value: number): string {
  return whole.format(value);
}

/** `1 item`, `1,204 items`. */
export function counted(value: number, one: string, many = `${one}s`): string {
  return `${count(value)} ${value === 1 ? one : many}`;
}

/** `412 ms`, `4.1 s`, `3 min 20 s`, `2 h 05 min`, `3 d 4 h`. */
export function duration(ms: number): string {
  if (ms < 1_000) return `${Math.max(0, Math.round(ms))} ms`;
  if (ms < 9_950) return `${(ms / 1_000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1_000);
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${String(seconds % 60).padStart(2, "0")} s`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return `${hours} h ${String(minutes % 60).padStart(2, "0")} min`;
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** A band from the median to the 90th percentile, as rough as such an estimate is: `24 to 31 s`, `50 s to 3 min`. */
export function band(lowSeconds: number, highSeconds: number): string {
  const [low, high] = [roughly(lowSeconds), roughly(highSeconds)];
  if (low === high) return low;
  const [value, unit, ...more] = low.split(" ");
  return more.length === 0 && high.endsWith(` ${unit}`) && high.split(" ").length === 2
    ? `${value} to ${high}`
    : `${low} to ${high}`;
}

function roughly(seconds: number): string {
  if (seconds < 59.5) return `${Math.max(1, Math.round(seconds))} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 60 ? `${minutes} min` : duration(minutes * 60_000);
}

/** `$0.0042` below a cent, `$1.27` above; the exact amount is for the title. */
export function dollars(decimal: string): string {
  const value = Number(decimal);
  if (value === 0) return "$0.00";
  if (value < 0.000_05) return "< $0.0001";
  return value < 0.1 ? `$${value.toFixed(4)}` : `$${cents.format(value)}`;
}

export function percent(part: number, total: number): number {
  return total <= 0 ? 0 : Math.min(100, (part / total) * 100);
}

/** `14:02` today, `21 Nov, 14:02` this year, `21 Nov 2025` before. */
export function moment(iso: string, now: Date = new Date()): string {
  const at = new Date(iso);
  if (at.toDateString() === now.toDateString()) return timeOfDay.format(at);
  return at.getFullYear() === now.getFullYear() ? dayAndTime.format(at) : dayOfYear.format(at);
}

/** `just now`, `12 s ago`, `3 min ago`, `2 h ago`, `5 d ago`. */
export function ago(iso: string, now: number = Date.now()): string {
  const seconds = Math.round((now - Date.parse(iso)) / 1_000);
  if (seconds < 5) return "just now";
  if (seconds < 60) return `${seconds} s ago`;
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3_600)} h ago`;
  return `${Math.floor(seconds / 86_400)} d ago`;
}

/** The exact time, to the millisecond, here and in UTC. */
export function exactly(iso: string): string {
  const at = new Date(iso);
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const local = `${at.toLocaleDateString("sv")} ${at.toLocaleTimeString("sv")}.${String(at.getMilliseconds()).padStart(3, "0")}`;
  return `${local} ${zone}\n${iso} UTC`.replace("Z UTC", " UTC");
}

/** `exec_…a1b2c3`: the end of an id is what tells two of one day apart. */
export function shortId(id: string): string {
  return id.length > 14 ? `…${id.slice(-8)}` : id;
}

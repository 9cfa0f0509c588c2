/** Reading filters from the query of a URL. What does not fit is left out, so an old link still opens. */

type Query = Record<string, unknown>;

/** A query as the router has it. Every value is text: `?item=7` is the item `7`, and no JSON stands in a URL. */
export function parseQuery(text: string): Query {
  return Object.fromEntries(new URLSearchParams(text));
}

/** A query as it stands in a URL; lists with commas. */
export function writeQuery(query: Query): string {
  const given = Object.entries(query).filter(([, value]) => value !== undefined && value !== null);
  const text = new URLSearchParams(given.map(([name, value]) => [name, String(value)])).toString();
  return text === "" ? "" : `?${text.replaceAll("%2C", ",").replaceAll("%2F", "/")}`;
}

export function textOf(query: Query, name: string): string | undefined {
  const value = query[name];
  return typeof value === "string" && value !== "" ? value : undefined;
}

export function oneOf<T extends string>(query: Query, name: string, known: readonly T[]): T | undefined {
  const value = query[name];
  return known.find((each) => each === value);
}

/** Several words with commas. */
export function manyOf<T extends string>(query: Query, name: string, known: readonly T[]): T[] | undefined {
  const asked = String(query[name] ?? "").split(",");
  const found = known.filter((each) => asked.includes(each));
  return found.length > 0 ? found : undefined;
}

/** An object without what is undefined, as `exactOptionalPropertyTypes` and short URLs want it. */
export function given<T extends object>(values: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as never;
}

// promptfoo's Node API: `promptfoo_eval.mjs BASE_URL CONCURRENCY PATH_OF_ITS_MODULE`, rows in the current folder.
// Prints what `turn.py` prints.
import { readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';

const [baseUrl, concurrency, path] = process.argv.slice(2);
// What its command does for `--max-concurrency`, and its API does not: otherwise it opens 4 connections.
process.env.PROMPTFOO_FETCH_CONNECTIONS = concurrency;
const { default: promptfoo } = await import(pathToFileURL(path).href);

async function evaluate(file) {
  const rows = readFileSync(file, 'utf8').trim().split('\n').map((line) => JSON.parse(line));
  const record = await promptfoo.evaluate(
    {
      prompts: ['{{input}}'],
      providers: [{ id: 'openai:chat:echo', config: { apiBaseUrl: baseUrl, apiKey: 'unused' } }],
      tests: rows.map(({ input, truth }) => ({ vars: { input }, assert: [{ type: 'equals', value: truth }] })),
      writeLatestResults: true,
    },
    { cache: false, maxConcurrency: Number(concurrency), showProgressBar: false },
  );
  const summary = await record.toEvaluateSummary();
  if (summary.stats.errors > 0) {
    throw new Error(`${summary.stats.errors} rows ended in an error`);
  }
  return summary.stats.successes;
}

await evaluate('few.jsonl');
const begun = performance.now();
const before = process.cpuUsage();
const right = await evaluate('rows.jsonl');
const used = process.cpuUsage(before);
console.log(
  JSON.stringify({
    seconds: (performance.now() - begun) / 1000,
    cpu_ms: (used.user + used.system) / 1000,
    peak_rss_mb: process.resourceUsage().maxRSS / 1024,
    right,
  }),
);
process.exit(0);

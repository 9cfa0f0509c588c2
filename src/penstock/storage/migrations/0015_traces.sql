-- Traces and their spans. A trace's row carries what its spans amount to, so lists read nothing else.

create table traces (
  no integer primary key,            -- short key of spans and words
  id text not null,
  organization_id text not null,
  project_id text not null,          -- '' once it is deleted, until its spans are gone as well
  trace_id text not null,            -- the sender's; what makes a second sending a repetition
  source text not null,
  name text not null,
  filename text,
  status text not null,              -- unset, ok, error
  started_at bigint not null,
  ended_at bigint,
  duration_ms double precision,
  started_ns bigint not null,
  ended_ns bigint,
  span_count integer not null,
  error_count integer not null,
  model_calls integer not null,
  input_tokens bigint not null,
  output_tokens bigint not null,
  cost_nanos bigint not null,
  unpriced_calls integer not null,   -- model calls whose price nobody knows
  input text,                        -- the beginning of it, as text
  output text,
  metadata text not null,            -- JSON
  head_rank bigint,                  -- which span gave the name, the input and the output (see traces/rollups.py)
  input_rank bigint,
  output_rank bigint,
  word_parts integer not null,       -- how many rows of trace_words there are of it
  data blob,                         -- the object as it was uploaded, packed
  created_at bigint not null,
  updated_at bigint not null
);
create unique index traces_by_id on traces (id);
create unique index traces_by_sender on traces (project_id, trace_id);
create index traces_by_project on traces (project_id, id);
create index traces_by_start on traces (project_id, started_at, id);
create index traces_by_status on traces (project_id, status, id);
create index traces_by_source on traces (project_id, source, id);
create index traces_by_name on traces (project_id, name, id);

create table spans (
  no integer primary key,
  trace_no bigint not null,
  span_id text not null,
  parent_id text,
  kind text not null,
  name text not null,
  status text not null,
  started_ns bigint not null,
  ended_ns bigint,
  model text,
  input_tokens bigint,
  output_tokens bigint,
  cost_nanos bigint,                 -- the sender's, else from the price table; null where nobody knows
  digest bigint not null,            -- 64 bits of a hash of what was sent
  body blob not null,                -- the span as it is understood, packed
  original blob                      -- the span as it was sent, packed
);
create unique index spans_by_id on spans (trace_no, span_id);

-- Full text. The key is the trace's number times 65536 and a part of it, so that a match names its trace.
create virtual table trace_words using fts5 (project, words, tokenize = "unicode61");

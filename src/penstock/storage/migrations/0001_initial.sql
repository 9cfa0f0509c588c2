-- Times are milliseconds since 1970 (UTC), money is nano-dollars (1e-9 USD), JSON is text.

-- Accounts -----------------------------------------------------------------------------------------------------------

create table organizations (
  id text primary key,
  name text not null,
  created_at bigint not null
);

create table projects (
  id text primary key,
  organization_id text not null,
  name text not null,
  settings text not null,
  created_at bigint not null
);
create unique index projects_by_name on projects (organization_id, name);

create table keys (
  id text primary key,
  organization_id text not null,
  project_id text not null,
  name text not null,
  prefix text not null,              -- the first characters, for people to recognise it by
  hash text not null,                -- sha256 of the whole key: the key itself is shown once and never kept
  scopes text not null,              -- JSON list
  created_at bigint not null,
  expires_at bigint,
  revoked_at bigint,
  last_used_at bigint
);
create unique index keys_by_hash on keys (hash);
create index keys_by_project on keys (project_id, id);

create table secrets (
  id text primary key,
  organization_id text not null,
  project_id text not null,
  name text not null,
  ciphertext text not null,
  created_at bigint not null,
  updated_at bigint not null
);
create unique index secrets_by_name on secrets (project_id, name);

-- Models -------------------------------------------------------------------------------------------------------------

create table models (
  id text primary key,
  organization_id text not null,
  project_id text not null,
  name text not null,
  provider text not null,
  base_url text,
  model_name text not null,
  api_key_ciphertext text,
  pricing text,
  created_at bigint not null,
  updated_at bigint not null
);
create unique index models_by_name on models (project_id, name);

-- Flows and prompts ----------------------------------------------------------------------------------------------------

create table flows (
  id text primary key,
  organization_id text not null,
  project_id text not null,
  name text not null,
  latest_version integer not null,
  deployed_version integer,
  created_at bigint not null,
  updated_at bigint not null
);
create unique index flows_by_name on flows (project_id, name);

create table flow_versions (
  flow_id text not null,
  version integer not null,
  document text not null,            -- the validated document as JSON
  source text,                       -- as it was sent, when it was YAML
  created_at bigint not null
);
create unique index flow_versions_by_flow on flow_versions (flow_id, version);

create table prompts (
  id text primary key,
  organization_id text not null,
  project_id text not null,
  name text not null,
  latest_version integer not null,
  created_at bigint not null,
  updated_at bigint not null
);
create unique index prompts_by_name on prompts (project_id, name);

create table prompt_versions (
  prompt_id text not null,
  version integer not null,
  document text not null,
  created_at bigint not null
);
create unique index prompt_versions_by_prompt on prompt_versions (prompt_id, version);

-- Data sets ------------------------------------------------------------------------------------------------------------

create table datasets (
  no integer primary key,            -- short key of rows
  id text not null,
  organization_id text not null,
  project_id text not null,
  name text not null,
  columns text not null,             -- JSON list of {name, type}
  version integer not null,          -- readers see rows of this version; rows of a later one are still being written
  sealed_version integer not null,   -- the last version somebody pinned: its rows never change again
  row_count bigint not null,
  import_id text,                    -- the one import that is writing rows of the next version
  import_expires_at bigint,          -- when that import counts as dead, unless it writes again
  created_at bigint not null,
  updated_at bigint not null
);
create unique index datasets_by_id on datasets (id);
create unique index datasets_by_name on datasets (project_id, name);

create table dataset_rows (
  no integer primary key,
  dataset_no bigint not null,
  ordinal bigint not null,
  row_id text not null,              -- the row's own id, or a hash of its content
  version_from integer not null,
  version_to integer,                -- first version that no longer has it
  origin text,                       -- execution/item/node of the sink that wrote it: a repeat finds it there
  data text not null,
  hash text not null
);
create index dataset_rows_by_order on dataset_rows (dataset_no, ordinal);
create index dataset_rows_by_no on dataset_rows (dataset_no, no);
create index dataset_rows_by_id on dataset_rows (dataset_no, row_id);
create unique index dataset_rows_by_origin on dataset_rows (dataset_no, origin) where origin is not null;

-- Where rows are found by the key columns of a sink. An index is made when a sink first asks for it, and is brought up
-- to date (rows numbered after last_no are added) by the sinks that use it, so nobody else has to know of it.
create table dataset_key_indexes (
  dataset_no bigint not null,
  columns text not null,             -- JSON list of column names, sorted
  last_no bigint not null
);
create unique index dataset_key_indexes_by_columns on dataset_key_indexes (dataset_no, columns);

create table dataset_keys (
  dataset_no bigint not null,
  hash text not null,                -- of the column names and the row's values in them
  row_no bigint not null
);
create index dataset_keys_by_hash on dataset_keys (dataset_no, hash);

-- Executions -----------------------------------------------------------------------------------------------------------

create table executions (
  no integer primary key,            -- short key of items, steps and events
  id text not null,
  organization_id text not null,
  project_id text not null,
  kind text not null,                -- flow, evaluation, ...
  subject_id text not null,          -- what is run: the flow's id, the benchmark's id, ...
  subject_name text not null,
  subject_version integer,
  lane text not null,                -- interactive, batch
  status text not null,
  spec text not null,                -- the job's own description of its work, JSON
  options text not null,             -- concurrency, error policy, JSON
  metadata text,
  total_items bigint,                -- top-level items; null while the plan does not know
  generation integer not null,       -- 0, and one more with each retry
  seq bigint not null,               -- number of the last event
  created_at bigint not null,
  started_at bigint,
  period_started_at bigint,          -- start of this generation
  prior_elapsed_ms bigint not null,  -- running time of the generations before
  finished_at bigint,
  deadline_at bigint not null,
  deadline_ms bigint not null,
  cancel_requested_at bigint,
  cancel_receipt text,
  summary text,                      -- counts and usage, summed from the rows in the transaction that ended it
  results text,                      -- up to 1 MB; larger ones are streamed from the items
  error text,
  lease_owner text,
  lease_number bigint not null,      -- fencing: a write that carries an older number is refused
  created_by text
);
create unique index executions_by_id on executions (id);
create index executions_by_project on executions (project_id, id);
create index executions_by_status on executions (project_id, status, id);
create index executions_by_subject on executions (project_id, subject_id, id);
-- What the worker looks for four times a second: indexes of the few among the many.
create index executions_open on executions (lane, no) where status in ('pending', 'running', 'paused');
create index executions_by_deadline on executions (deadline_at) where status in ('pending', 'running', 'paused');
create index executions_to_cancel on executions (lease_owner)
  where status = 'running' and cancel_requested_at is not null;

create table items (
  execution_no bigint not null,
  path text not null,                -- sortable form: see executions/paths.py
  status text not null,
  seq bigint,                        -- of the event that finished it
  input text,
  output text,                       -- null: see the step with output_is_item
  error text,
  started_at bigint,
  finished_at bigint
);
create unique index items_by_path on items (execution_no, path);
create index items_unusual on items (execution_no, status, path) where status <> 'succeeded';
create index items_by_seq on items (execution_no, seq) where seq is not null;

create table steps (
  no integer primary key,            -- order of recording: the cursor of logs
  execution_no bigint not null,
  path text not null,
  node text not null,
  round integer not null,
  generation integer not null,
  status text not null,              -- succeeded, failed, aborted (in flight when it was stopped; may be there again)
  fingerprint text not null,         -- of settings and inputs: a recorded step is replayed only for the same work
  attempts integer not null,
  started_at bigint not null,
  duration_ms bigint not null,
  output text,
  output_is_item boolean not null,   -- the item's output is this same value, kept only here
  error text,
  model_calls integer not null,
  input_tokens bigint not null,
  output_tokens bigint not null,
  cached_tokens bigint not null,
  cost_nanos bigint not null,
  unpriced_calls integer not null,   -- calls whose price is not known: the cost is then a lower bound
  detail text
);
create unique index steps_by_item on steps (execution_no, path, node, round, generation) where status <> 'aborted';
create index steps_in_order on steps (execution_no, no);
-- The steps of one item are found by steps_by_item and this together: aborted ones may repeat, so they are not in it.
create index steps_aborted on steps (execution_no, path) where status = 'aborted';
create index steps_unusual on steps (execution_no, no) where status <> 'succeeded';

create table events (
  execution_no bigint not null,
  seq bigint not null,
  type text not null,
  at bigint not null,
  data text not null
);
create unique index events_by_seq on events (execution_no, seq);

create table idempotency_keys (
  project_id text not null,
  key text not null,
  request_hash text not null,
  execution_id text not null,
  expires_at bigint not null
);
create unique index idempotency_keys_by_key on idempotency_keys (project_id, key);
create index idempotency_keys_by_expiry on idempotency_keys (expires_at);

-- Compute units: rates, balances, the ledger, and what was used, for reports. All amounts are millionths of a unit.

alter table steps add column model text;                          -- the last model that answered; null: none was called

alter table executions add column rates_version integer not null default 0;  -- what it began with, kept over retries
alter table executions add column reserved_micros bigint not null default 0; -- of the balance, while it is not over

-- Version 0 is in the program: where there is no row, that holds.
create table compute_unit_rates (
  organization_id text not null,
  version integer not null,
  rates text not null,               -- JSON
  created_by text,
  created_at bigint not null
);
create unique index compute_unit_rates_by_version on compute_unit_rates (organization_id, version);

-- No row: unlimited, and nothing was ever granted.
create table compute_unit_accounts (
  organization_id text primary key,
  limited boolean not null,
  balance_micros bigint not null,    -- what the entries' balance_micros add up to
  reserved_micros bigint not null,   -- what their reserved_micros add up to
  granted_micros bigint not null,    -- the last grant, which warnings are shares of
  warned_percent integer not null    -- the lowest share that was warned of since; 100: none
);

-- The ledger: rows are only ever added, and outlive executions, projects and keys.
create table compute_unit_entries (
  no integer primary key,
  organization_id text not null,
  project_id text,
  kind text not null,                -- grant, adjustment, reservation, settlement, warning
  at bigint not null,
  balance_micros bigint not null,    -- what it adds to the balance
  reserved_micros bigint not null,   -- what it adds to what is reserved
  used_micros bigint not null,       -- of a settlement: what was used, limited or not
  execution_id text,
  execution_kind text,
  key_id text,                       -- whose key started it, or made the grant
  note text,
  request_key text,                  -- of a grant: the caller's Idempotency-Key
  request_hash text
);
create index compute_unit_entries_by_organization on compute_unit_entries (organization_id, no);
create unique index compute_unit_entries_by_request on compute_unit_entries (organization_id, request_key)
  where request_key is not null;

-- What an execution that was over was counted with, by model: when a retry of it ends, only the difference is.
create table compute_unit_settled (
  execution_no bigint not null,
  model text not null,               -- empty: of steps that called none
  model_calls bigint not null,
  input_tokens bigint not null,
  output_tokens bigint not null,
  cached_tokens bigint not null,
  cost_nanos bigint not null,
  unpriced_calls bigint not null,
  ecu_micros bigint not null
);
create unique index compute_unit_settled_by_execution on compute_unit_settled (execution_no, model);

-- What was used on a day: one row for each model, and one without a model that counts executions.
create table usage_days (
  organization_id text not null,
  project_id text not null,
  day integer not null,              -- days since 1970-01-01 (UTC)
  kind text not null,
  key_id text not null,              -- empty: no key started it
  model text not null,               -- empty: the row that counts executions, each once
  executions bigint not null,
  model_calls bigint not null,
  input_tokens bigint not null,
  output_tokens bigint not null,
  cached_tokens bigint not null,
  cost_nanos bigint not null,
  unpriced_calls bigint not null,
  ecu_micros bigint not null
);
create unique index usage_days_by_project on usage_days (project_id, day, kind, key_id, model);
create index usage_days_by_organization on usage_days (organization_id, day);

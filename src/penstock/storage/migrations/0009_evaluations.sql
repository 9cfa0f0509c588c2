-- Evaluations: one variant of a target on one benchmark. An execution runs one of them, or several (an experiment).

create table evaluations (
  id text primary key,
  organization_id text not null,
  project_id text not null,
  execution_id text not null,
  variant integer not null,          -- which of the execution's variants it is, from 0
  name text not null,
  target_kind text not null,         -- model, flow
  target text not null,              -- the model's name as it was asked for, or the flow's id
  benchmark_id text not null,
  benchmark_key text not null,
  benchmark_version integer not null,
  definition_hash text not null,
  tags text not null,                -- JSON list
  created_at bigint not null,
  metrics text,                      -- JSON, added up from the rows when the execution was over
  metrics_generation integer,        -- the execution's generation they belong to: those of an earlier one are stale
  primary_mean double precision,     -- the first scorer's mean, for lists in that order
  latency_mean_ms double precision
);
create index evaluations_by_project on evaluations (project_id, id);
create index evaluations_by_execution on evaluations (execution_id, variant);
create index evaluations_by_benchmark on evaluations (project_id, benchmark_id, id);
create index evaluations_by_target on evaluations (project_id, target, id);

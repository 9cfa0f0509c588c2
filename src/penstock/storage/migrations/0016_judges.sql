-- Judges with their versions, and what they said of traces.

create table judges (
  id text primary key,
  organization_id text not null,
  project_id text not null,
  name text not null,
  latest_version integer not null,
  created_at bigint not null,
  updated_at bigint not null
);
create unique index judges_by_name on judges (project_id, name);

create table judge_versions (
  judge_id text not null,
  version integer not null,
  definition text not null,          -- JSON: name, goal, rubric, model, output, threshold, turns, params
  created_at bigint not null,
  created_by text
);
create unique index judge_versions_by_judge on judge_versions (judge_id, version);

-- How often each judge was asked for a verdict; ready-made ones have no row of their own above.
create table judge_runs (
  project_id text not null,
  judge_id text not null,
  runs bigint not null
);
create unique index judge_runs_by_judge on judge_runs (project_id, judge_id);

-- One verdict, or the place of one that is still to come: item `ordinal` of an execution of kind `trace_evaluation`.
create table trace_evaluations (
  id text primary key,
  organization_id text not null,
  project_id text not null,
  execution_id text not null,
  ordinal bigint not null,
  trace_id text not null,            -- the trace's own id, not its sender's
  trace_name text not null,
  judge_id text not null,
  judge_name text not null,
  judge_version integer not null,
  place integer not null,            -- which of the execution's judges: its snapshot is there, in the spec
  status text not null,              -- pending, scored, unscorable, failed
  score double precision,
  passed boolean,
  reasoning text,                    -- or why there is no score
  verdict text,                      -- JSON, where there is one
  created_at bigint not null,
  judged_at bigint
);
create unique index trace_evaluations_by_execution on trace_evaluations (execution_id, ordinal);
create index trace_evaluations_by_project on trace_evaluations (project_id, id);
create index trace_evaluations_by_judge on trace_evaluations (project_id, judge_id, id);
create index trace_evaluations_by_trace on trace_evaluations (project_id, trace_id, id);
create index trace_evaluations_by_time on trace_evaluations (created_at);

-- How far a schedule that judges new traces has come: the id of the last trace it took.
create table judged_up_to (
  schedule_id text primary key,
  project_id text not null,
  trace_id text not null
);

-- Thresholds that were told of, each once for a run of its execution.
create table threshold_alerts (
  project_id text not null,
  execution_id text not null,
  generation bigint not null,
  place integer not null
);
create unique index threshold_alerts_once on threshold_alerts (execution_id, generation, place);

-- Optimizations: what came of each, and what it tried. What was asked for is the spec of its execution.

create table optimizations (
  execution_id text primary key,     -- its own id too
  organization_id text not null,
  project_id text not null,
  target_kind text not null,         -- judge, prompt
  subject_id text not null,
  subject_name text not null,        -- as it was then
  created_at bigint not null,
  created_by text,
  report text,                       -- JSON, once it is over
  applied_version integer,           -- of the subject, made from what was found
  applied_at bigint
);
create index optimizations_by_project on optimizations (project_id, execution_id);
create index optimizations_by_subject on optimizations (project_id, subject_id, execution_id);
create index optimizations_by_time on optimizations (created_at);

-- Candidates in the order in which they were decided upon; number 0 is the instruction that there was.
create table optimization_candidates (
  execution_id text not null,
  project_id text not null,
  number integer not null,
  content text not null,             -- JSON
  created_at bigint not null
);
create unique index optimization_candidates_in_order on optimization_candidates (execution_id, number);

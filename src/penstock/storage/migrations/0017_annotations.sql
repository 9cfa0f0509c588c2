-- What people say of traces, of spans, and of rows of evaluations. Texts are '' and numbers -1 where there is none, so
-- that one unique index says what may be there once.

create table annotations (
  id text primary key,
  organization_id text not null,
  project_id text not null,
  judge_id text not null,            -- whose menu the answer is from; or a criterion of people's own
  judge_name text not null,          -- as it was then
  criterion text not null,
  trace_id text not null,            -- the trace's own id, not its sender's; or a row of an evaluation
  span_id text not null,
  evaluation_id text not null,
  row_number bigint not null,        -- of its results, from 0
  author text not null,
  answer text not null,              -- JSON: a text or a number
  score double precision,            -- null where the answer has none
  passed boolean,
  rationale text,
  weight double precision not null,
  revision integer not null,         -- how often it was said anew, from 1
  created_at bigint not null,
  updated_at bigint not null,
  changed_by text                    -- the key
);
create unique index annotations_once
  on annotations (project_id, judge_id, criterion, trace_id, span_id, evaluation_id, row_number, author);
create index annotations_by_project on annotations (project_id, id);
create index annotations_by_judge on annotations (project_id, judge_id, id);
create index annotations_by_trace on annotations (project_id, trace_id, id);
create index annotations_by_evaluation on annotations (project_id, evaluation_id, id);
create index annotations_by_author on annotations (project_id, author, id);

-- What an annotation said before.
create table annotation_revisions (
  annotation_id text not null,
  project_id text not null,
  revision integer not null,
  answer text not null,
  score double precision,
  passed boolean,
  rationale text,
  weight double precision not null,
  said_at bigint not null,
  changed_by text
);
create unique index annotation_revisions_once on annotation_revisions (annotation_id, revision);

-- Flows that are started by the clock, and what came of each due time.

create table schedules (
  id text primary key,
  organization_id text not null,
  project_id text not null,
  name text not null,
  flow_id text not null,
  run text not null,                 -- what to run, JSON as POST /flows/{flow}/executions takes it
  cron text not null,
  timezone text not null,            -- IANA name
  overlap text not null,             -- skip, queue, parallel
  missed text not null,              -- skip, once, all
  catch_up_seconds bigint not null,
  next_at bigint,                    -- the due time that is claimed next; null while it is disabled
  last_due_at bigint,                -- the last due time that was claimed: none before it is ever claimed again
  last_fired_at bigint,              -- when an execution was last started
  revision bigint not null,          -- counts changes and claims: what was planned from an older state is refused
  created_by text,
  created_at bigint not null,
  updated_at bigint not null
);
create unique index schedules_by_name on schedules (project_id, name);
create index schedules_due on schedules (next_at) where next_at is not null;

create table schedule_firings (
  no integer primary key,
  schedule_id text not null,
  organization_id text not null,
  project_id text not null,
  due_at bigint not null,
  trigger_kind text not null,        -- clock, or manual: somebody asked for it now
  outcome text,                      -- queued, started, skipped, missed, failed; null: claimed, and nothing yet
  execution_id text,
  reason text,                       -- JSON {code, message}
  live boolean not null,             -- started, and its execution is not known to be over
  claimed_at bigint not null,
  decided_at bigint
);
create unique index schedule_firings_by_due on schedule_firings (schedule_id, due_at);
create index schedule_firings_open on schedule_firings (no) where outcome is null;
create index schedule_firings_queued on schedule_firings (schedule_id, due_at) where outcome = 'queued';
create index schedule_firings_live on schedule_firings (schedule_id) where live;

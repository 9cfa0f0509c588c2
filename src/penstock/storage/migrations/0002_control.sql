-- Pausing, budgets, callbacks, and items that were under way when a process died.

alter table executions add column webhook_url text;
alter table executions add column pause_requested_at bigint;
alter table executions add column paused_at bigint;
alter table executions add column pause_reason text;      -- JSON: code, message
-- What a budget counts beside the recorded steps: the worst cases of calls in flight, and of calls whose end nobody
-- learnt (the process died, or the line was cut): those may have been paid for.
alter table executions add column held_nanos bigint not null default 0;
alter table executions add column held_tokens bigint not null default 0;
alter table executions add column held_ecu_micros bigint not null default 0;
alter table executions add column lost_nanos bigint not null default 0;
alter table executions add column lost_tokens bigint not null default 0;
alter table executions add column lost_ecu_micros bigint not null default 0;
drop index executions_to_cancel;
create index executions_to_stop on executions (lease_owner)
  where status = 'running' and (cancel_requested_at is not null or pause_requested_at is not null);

alter table steps add column ecu_micros bigint not null default 0;   -- compute units, in millionths

-- What has happened to an execution that somebody outside is to be told; written with it, in the same transaction.
create table outbox (
  no integer primary key,
  execution_no bigint not null,
  project_id text not null,
  execution_id text not null,
  status text not null,
  seq bigint not null,
  at bigint not null
);

-- Items that were under way when a process died, and how often: one that kills it each time is quarantined.
create table suspects (
  execution_no bigint not null,
  path text not null,
  crashes integer not null,
  guilty boolean not null,           -- it was the only suspect under way at the last of them
  steps integer not null             -- recorded until the last of them: one that got further is no suspect
);
create unique index suspects_by_path on suspects (execution_no, path);

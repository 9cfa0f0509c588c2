-- Webhooks: who is told, what they were told, and how each attempt went.

-- What is to be told, as it was at that moment (JSON): the execution may be reopened before anybody is.
alter table outbox add column body text not null default '{}';
alter table outbox add column organization_id text not null default '';
alter table outbox add column webhook_url text;

create table webhook_endpoints (
  id text primary key,
  organization_id text not null,
  project_id text not null,
  url text not null,
  description text not null,
  events text not null,              -- JSON list of event types
  disabled_at bigint,
  disabled_reason text,              -- gone: it answered 410; by_request: somebody switched it off
  created_at bigint not null,
  updated_at bigint not null
);
create index webhook_endpoints_by_project on webhook_endpoints (project_id, id);

create table webhook_secrets (
  id text primary key,
  project_id text not null,
  owner text not null,               -- the endpoint's id; empty for the project's own, which signs URLs of single calls
  ciphertext text not null,
  created_at bigint not null,
  expires_at bigint                  -- null while it is the current one
);
create index webhook_secrets_by_owner on webhook_secrets (project_id, owner, id);
create unique index webhook_secrets_current on webhook_secrets (project_id, owner) where expires_at is null;

create table webhook_deliveries (
  id text primary key,               -- the webhook-id: the same over all attempts and replays
  organization_id text not null,
  project_id text not null,
  endpoint_id text,                  -- null: the URL came with the call
  url text not null,
  host text not null,                -- of the URL, with its port: what concurrency is bounded by
  execution_id text,                 -- null: a test
  event text not null,
  body text not null,
  status text not null,              -- pending, delivered, failed
  reason text,                       -- why it failed for good
  attempts integer not null,         -- made so far, replays included
  step integer not null,             -- place in the schedule; a replay begins anew
  next_attempt_at bigint,            -- null when it is over
  last_status integer,
  last_error text,
  created_at bigint not null,
  finished_at bigint
);
create index webhook_deliveries_by_project on webhook_deliveries (project_id, id);
create index webhook_deliveries_by_endpoint on webhook_deliveries (project_id, endpoint_id, id);
create index webhook_deliveries_by_execution on webhook_deliveries (project_id, execution_id, id);
create index webhook_deliveries_by_status on webhook_deliveries (project_id, status, id);
-- What the sender looks for: it holds all that the look needs, so what is full is passed over without a read.
create index webhook_deliveries_due on webhook_deliveries (next_attempt_at, host, project_id, id, status) where status = 'pending';
create index webhook_deliveries_over on webhook_deliveries (finished_at) where status <> 'pending';

create table webhook_attempts (
  delivery_id text not null,
  number integer not null,
  started_at bigint not null,
  duration_ms bigint not null,
  status integer,                    -- of the answer; null when there was none
  error_code text,
  error text,
  answer text                        -- its first bytes
);
create unique index webhook_attempts_by_delivery on webhook_attempts (delivery_id, number);

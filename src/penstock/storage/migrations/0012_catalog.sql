-- Saved models: a key of their own, what is sent with each call, and an end that leaves what refers to them readable.

alter table models add column key text;
alter table models add column description text;
alter table models add column max_tokens integer;
alter table models add column extra_payload text;      -- JSON object
alter table models add column api_key_hint text;       -- the first characters, for people to recognise it by
alter table models add column disabled integer not null default 0;

drop index models_by_name;
create unique index models_by_name on models (project_id, name) where disabled = 0;
create unique index models_by_key on models (project_id, key) where disabled = 0;

-- Which models and which benchmarks belong to a project. No row: the default set.

create table project_sets (
  project_id text not null,
  organization_id text not null,
  kind text not null,                -- models | benchmarks
  ids text not null,                 -- JSON list, in the order they were given
  updated_at bigint not null,
  primary key (project_id, kind)
);

-- Answers of models, for whoever asks again with the cache on.

create table model_cache (
  project_id text not null,
  organization_id text not null,
  key text not null,                 -- sha256 of everything that the answer depends on
  answer text not null,              -- JSON
  expires_at bigint not null,
  primary key (project_id, key)
);
create index model_cache_by_expiry on model_cache (expires_at);

-- Saved scorers: a definition under a name, in versions that never change.

create table scorers (
  id text primary key,
  organization_id text not null,
  project_id text not null,
  name text not null,
  description text not null,
  latest_version integer not null,
  created_at bigint not null,
  updated_at bigint not null
);
create unique index scorers_by_name on scorers (project_id, name);

create table scorer_versions (
  scorer_id text not null,
  version integer not null,
  definition text not null,          -- JSON: a scorer's type with all of its settings
  created_at bigint not null
);
create unique index scorer_versions_by_scorer on scorer_versions (scorer_id, version);

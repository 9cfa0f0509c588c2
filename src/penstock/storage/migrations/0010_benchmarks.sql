-- Benchmarks and their versions. The rows of a version are a version of a data set of their own.

alter table datasets add column kind text not null default 'dataset';  -- or benchmark: reached through that alone

create table benchmarks (
  id text primary key,
  organization_id text not null,
  project_id text not null,          -- 24 zeros: public, for everybody to read
  key text not null,
  name text not null,
  kind text not null,                -- custom, builtin, imported, smart
  description text not null,
  scorers text not null,             -- JSON list, used when an evaluation names none
  system text,                       -- templates over a row's members
  prompt text,
  categories text not null,          -- JSON list
  languages text not null,           -- JSON list
  deprecated boolean not null,
  settings text not null,            -- how it was made, JSON
  latest integer not null,           -- its latest version
  created_at bigint not null,
  updated_at bigint not null
);
create unique index benchmarks_by_key on benchmarks (project_id, key);

create table benchmark_versions (
  benchmark_id text not null,
  version integer not null,
  state text not null,               -- ready, or draft: waits to be reviewed
  content_hash text not null,        -- of the rows in order
  dataset_id text not null,
  dataset_version integer not null,
  row_count bigint not null,
  subsets text not null,             -- JSON list
  has_clusters boolean not null,
  created_at bigint not null
);
create unique index benchmark_versions_by_number on benchmark_versions (benchmark_id, version);

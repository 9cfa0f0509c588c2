-- Leaderboards: which models and benchmarks are ranked, and who may look. Their entries are read from evaluations.

create table leaderboards (
  id text primary key,
  organization_id text not null,
  project_id text not null,
  name text not null,
  slug text not null,                -- its name in URLs, unique within the project
  description text not null,
  visibility text not null,          -- private (the project), tenant (the organization), public (everybody with a key)
  filters text not null,             -- JSON {models: {ids, vendors, regions}, benchmarks: {ids, categories, languages}}
  weight integer not null,           -- the heavier, the further up in lists
  featured boolean not null,
  image_path text,
  created_at bigint not null,
  updated_at bigint not null
);
create unique index leaderboards_by_slug on leaderboards (project_id, slug);
create index leaderboards_shared on leaderboards (visibility, organization_id) where visibility <> 'private';

create index evaluations_of_experiments on evaluations (project_id, id) where variant > 0;

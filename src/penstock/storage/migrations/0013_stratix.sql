-- People who sign in with an e-mail address and a password. A key is made for each sign-in.

create table members (
  id text primary key,
  organization_id text not null,
  project_id text not null,
  email text not null,               -- in lower case; one address is one member of the whole store
  name text not null,
  password_hash text not null,       -- scrypt with its salt and cost
  scopes text not null,              -- JSON list: what the keys of its sign-ins may do
  created_at bigint not null
);
create unique index members_by_email on members (email);
create index members_by_project on members (project_id, email);

-- Other systems that an organization works with.

create table integrations (
  id text primary key,
  organization_id text not null,
  project_id text not null,          -- whose secrets it uses
  name text not null,
  type text not null,
  host_url text not null,
  secret_name text,                  -- sent as a bearer token when the integration is tested
  config text not null,              -- JSON object
  active integer not null,
  created_by text not null,
  created_at bigint not null
);
create unique index integrations_by_name on integrations (organization_id, name);

-- Who waits, by lane and project, and who runs: a few rows of each lead to what is to be started next, however many wait.

alter table keys add column requests_per_minute integer;   -- null: the key shares its project's limit

drop index executions_open;
create index executions_waiting on executions (lane, project_id, no, status) where status = 'pending';
create index executions_running on executions (no) where status = 'running';

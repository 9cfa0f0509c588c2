-- Lists that stay quick among a million executions.

-- A flow's executions that failed, wait, run or were stopped: the few among the many (2 microseconds of CPU each).
create index executions_unusual on executions (project_id, subject_id, status, id) where status <> 'completed';

-- Lists and progress that stay quick among a million executions, and of a million items.

-- A flow's executions that failed, wait, run or were stopped: the few among the many (2 microseconds of CPU each).
create index executions_unusual on executions (project_id, subject_id, status, id) where status <> 'completed';

-- How far an execution is, as its owner notes it once a second for other processes, who need not add up its rows.
create table tallies (
  execution_no bigint not null,
  lease_number bigint not null,      -- of the owner: what an earlier one noted says nothing
  body text not null                 -- JSON: see executions/noting.py
);
create unique index tallies_by_execution on tallies (execution_no);

-- What is kept for how long, and the lines of logs that stand out.

-- Executions of one kind by age: for retention, and for lists of a rare kind (3 to 4 microseconds of CPU each).
create index executions_by_kind on executions (project_id, kind, id);
-- Steps that a look for warnings finds; the few among the many. Takes the place of those that did not succeed.
create index steps_notable on steps (execution_no, no) where status <> 'succeeded' or attempts > 1;
-- One node's lines in order (1.5 microseconds of CPU for each step).
create index steps_by_node on steps (execution_no, node, no);

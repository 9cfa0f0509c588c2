-- Lists of traces in other orders than that of their coming.

create index traces_by_duration on traces (project_id, duration_ms, id);
create index traces_by_cost on traces (project_id, cost_nanos, id);

-- The verdicts of one execution in the order of their lists, beside however many others a project has.

create index trace_evaluations_of_execution on trace_evaluations (execution_id, id);

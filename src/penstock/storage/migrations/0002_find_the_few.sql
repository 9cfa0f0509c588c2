-- Indexes of the few among the many: they cost next to nothing to keep.

-- The steps of one item are found by steps_by_item and these together: aborted ones may repeat, so they are not in it.
create index steps_aborted on steps (execution_no, path) where status = 'aborted';

-- What went wrong, in the order it was recorded.
create index steps_unusual on steps (execution_no, no) where status <> 'succeeded';

-- What the worker looks for four times a second.
create index executions_by_deadline on executions (deadline_at) where status in ('pending', 'running', 'paused');
create index executions_to_cancel on executions (lease_owner)
  where status = 'running' and cancel_requested_at is not null;

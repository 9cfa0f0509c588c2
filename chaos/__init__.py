"""Kills Penstock at random and checks that nothing it promised is broken.

    python -m chaos --seed 1 --runs 5                   five runs; the same seed makes the same decisions
    python -m chaos --minutes 30 --runs 999 --record    as many as begin in half an hour, kept in chaos/results
    python -m chaos --table                             the table of what is kept, into docs/reliability.md
    python -m chaos --check FOLDER                      check the evidence of a kept run again

A run: a fresh folder, a scripted model server, a receiver of webhooks, and Penstock as real processes. `actors` use it
as users of several projects would, `killer` ends it and starts it again, and both write what they saw into the
`ledger`. When everything has come to its end, `checks` compare the ledger, the model server's log, the receiver's log
and the store.
"""

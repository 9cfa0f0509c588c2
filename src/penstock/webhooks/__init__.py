"""Webhooks: telling other systems what has become of an execution (standard-webhooks.com).

    outbox row          written in the transaction in which an execution ends or pauses (`storage/outbox.py`)
    → deliveries        one for each URL that wants it (`announcing.py`), in the transaction that takes the row away
    → attempts          over HTTP, by the schedule, until one is answered with 2xx (`sending.py`, `dispatching.py`)

What is written survives any crash, so a message is delivered at least once; its `webhook-id` is the same each time.
"""

"""The asyncio client. The blocking one in `_sync` is made from these files by `scripts/unasync.py`."""

"""The SDK: `Penstock` and `AsyncPenstock`, method for method the same, over the HTTP API."""

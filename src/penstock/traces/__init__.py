"""Traces: what a product did, span by span, as it was sent and as it can be read."""

"""Benchmarks that a model drafts from documents, for people to review."""

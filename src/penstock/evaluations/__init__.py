"""Evaluations: a model or a flow on a benchmark, scored, compared, and honest about what is not known."""

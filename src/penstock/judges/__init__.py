"""Judges: what a model is to look for in a trace or an answer, what it said, and how far people agree."""

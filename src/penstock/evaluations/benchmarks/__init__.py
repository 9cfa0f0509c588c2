"""Benchmarks: rows with a truth, versioned by their content."""

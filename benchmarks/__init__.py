"""Benchmarks: `python -m benchmarks NAME` measures and writes results/NAME.json, `table` makes docs/benchmarks.md."""

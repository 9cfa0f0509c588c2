"""Scorers: one file each. Importing this package knows none of them; `registry()` loads them all."""

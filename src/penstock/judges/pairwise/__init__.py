"""Judges that say which of two traces, or of two answers to the same question, is better."""

"""Feedback: what people write back into the files of a run, and what it does to the next scores."""

"""The contract of the data: what it must keep for scores to mean something, and where it does not."""

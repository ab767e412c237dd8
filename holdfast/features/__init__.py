"""Floor 1: history, time, and indicators as they were known on any day."""

"""The ledger: what was served, what came of it, what was said and done about it; nothing in it is rewritten."""

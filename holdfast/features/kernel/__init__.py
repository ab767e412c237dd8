"""The kernel: every leaf for all accounts and all cutoffs in one pass, in plain numpy."""

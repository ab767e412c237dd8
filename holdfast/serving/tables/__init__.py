"""Scores as tables of a database, beside the files of a run: whole runs only, told by a ledger of their own."""

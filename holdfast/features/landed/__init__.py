"""Landed tables: the files of a company as they lie, each as a DuckDB relation."""

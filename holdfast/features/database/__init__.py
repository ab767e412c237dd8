"""Databases as a source: read-only, in chunks, as of one instant, from the second time on only what changed."""

"""From files as they land to canonical tables."""

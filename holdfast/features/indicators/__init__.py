"""Indicators: the vocabulary in which they are declared, their curves and their directions."""

"""The mood of texts: read once from what customers write, after which the words are gone.

A text is scored when it becomes known, by what was learned from ratings known before its quarter began, and never
again: what comes later changes no mood of the past.
"""

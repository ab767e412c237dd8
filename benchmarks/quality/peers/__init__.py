"""Classifiers of other libraries on the same rows, each in an environment of its own, and the splits all are given."""

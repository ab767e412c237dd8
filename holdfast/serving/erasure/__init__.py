"""Erasure: an account or a person is taken out of everything holdfast keeps, and does not come back."""

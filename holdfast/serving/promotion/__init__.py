"""Promotion: which model is in service, what a retrained one must hold to replace it, and the way back."""

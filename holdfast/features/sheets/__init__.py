"""Sheets for what only people know: goals, roles, reviews, advocacy, budgets and lost customers."""

"""A year in the life of a company that is scored every day and retrained every month, with all that goes wrong."""

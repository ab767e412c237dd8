"""The queue: whom to call this week within the hours there are, what was done about it, and what that did."""

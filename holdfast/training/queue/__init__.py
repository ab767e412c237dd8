"""The queue as science: whom to choose, what that would have caught, whom lots leave alone, what calls do."""

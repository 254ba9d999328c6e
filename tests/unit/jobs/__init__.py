"""The background jobs: the table of them, and the scheduler that fires it."""

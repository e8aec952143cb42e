"""The task queue and what executes it."""

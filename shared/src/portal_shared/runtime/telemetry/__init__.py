"""Traces, and the ids by which everything that follows from a job or request is found."""

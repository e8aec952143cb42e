"""Accepts ingest jobs and runs them."""

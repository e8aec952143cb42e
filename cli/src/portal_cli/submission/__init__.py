"""Sends ingest jobs and collects their answers."""

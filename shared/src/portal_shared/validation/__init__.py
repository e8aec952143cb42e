"""Parses and validates ingest jobs."""

"""Queries and filters: parsing, expansion, matching."""

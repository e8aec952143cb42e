"""Writes DOIs back to records and to ICAT."""

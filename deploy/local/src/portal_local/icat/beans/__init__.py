"""Reads, writes and authorizes entities of the ICAT schema."""

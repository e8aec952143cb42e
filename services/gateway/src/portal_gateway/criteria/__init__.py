"""Criteria of a search: readable parameters of an address, checked, and as an engine filter."""

"""Downloading a dataset: asking for it, fetching its files, verifying what was written."""

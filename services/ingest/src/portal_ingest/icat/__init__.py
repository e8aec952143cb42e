"""Writes datasets and publications to ICAT with python-icat."""

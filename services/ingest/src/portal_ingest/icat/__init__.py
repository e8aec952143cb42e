"""ICAT, through python-icat."""

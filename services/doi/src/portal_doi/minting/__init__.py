"""Brings DataCite to the desired state of each identifier, and serves operator actions."""

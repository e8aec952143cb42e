"""Backups: all databases of the portal in one archive, and back."""

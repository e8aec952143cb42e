"""Starts and supervises the portal on one machine."""

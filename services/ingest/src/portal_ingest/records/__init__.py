"""Registers and changes the records of a job."""

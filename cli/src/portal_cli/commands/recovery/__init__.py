"""Commands for the worst day."""

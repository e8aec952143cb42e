"""The archives that files are recalled from: one protocol, and a module for each kind."""

"""Jobs and records in MongoDB."""

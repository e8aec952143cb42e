"""A corpus of PaNOSC records as ingest jobs."""

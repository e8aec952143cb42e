"""The metadata of the Human Organ Atlas as ingest jobs."""

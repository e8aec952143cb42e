"""Index fields, query terms and techniques that indexer and gateway share."""

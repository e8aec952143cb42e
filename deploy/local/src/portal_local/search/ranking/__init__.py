"""Meilisearch's ranking rules."""

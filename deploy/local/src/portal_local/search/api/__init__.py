"""Meilisearch's HTTP interface."""

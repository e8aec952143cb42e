"""Meilisearch: client, HTTP connection, and the compiler of filters."""

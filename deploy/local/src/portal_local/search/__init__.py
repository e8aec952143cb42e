"""The search stand-in: the part of Meilisearch's HTTP API that the portal uses, over SQLite."""

"""Download requests: creation, quota, repository, views, event streams, notifications."""

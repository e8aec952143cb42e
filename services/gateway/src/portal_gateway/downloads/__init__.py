"""Download requests: quota, repository, views, notifications."""

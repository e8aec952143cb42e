"""HTTP responses, HTML pages, and the proxy to the downloader."""

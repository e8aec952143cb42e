"""HTTP responses, HTML pages, and the proxy of the downloader."""

"""HTTP of files: ranges, conditional requests, streaming, media types."""

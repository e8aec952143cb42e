"""A record in each citation format, all made from its DataCite metadata."""

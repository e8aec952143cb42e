"""A record as it is cited: DataCite's metadata of it, the one source of every other format."""

"""Citation formats of a record, all made from its DataCite metadata."""

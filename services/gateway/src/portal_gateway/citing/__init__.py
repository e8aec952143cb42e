"""A record in every format in which it can be cited, all made of its DataCite metadata."""

"""The part of ids.server 2.1 that clients of ICAT use: put, get, archive and restore files."""

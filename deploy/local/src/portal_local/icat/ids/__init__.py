"""The part of ids.server 2.1 that clients of ICAT use: files put, archived, restored and got."""

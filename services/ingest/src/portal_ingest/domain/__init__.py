"""Rules of records and their versions. No I/O."""

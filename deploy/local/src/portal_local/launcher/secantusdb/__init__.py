"""The local database: SecantusDB, with patches."""

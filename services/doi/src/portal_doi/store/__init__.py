"""The registry of identifiers in MongoDB, and the leases on its rows."""

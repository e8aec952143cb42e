"""HTTP: the WLCG Tape REST API and the server of restored files."""

"""DataCite simulator: the REST API's /dois, and the resolution of its DOIs."""

"""A DataCite to run on one machine: the REST API's /dois, and resolution of what it registers."""

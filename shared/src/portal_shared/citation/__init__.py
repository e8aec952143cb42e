"""Maps records to DataCite metadata, from which all citation formats are made."""

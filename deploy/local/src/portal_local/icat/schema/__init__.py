"""The ICAT schema and the stored entities."""

"""Pages of search results for people: rows, facets, corrections, and what empties a search."""

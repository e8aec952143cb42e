"""Plans and runs searches: pagination, facets, suggestions, snippets, export."""

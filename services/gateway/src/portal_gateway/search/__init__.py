"""Plans and runs searches: pages, facets, suggestions, snippets, export."""

"""ICAT's query language: text to a syntax tree by a grammar, tree to SQL with parameters."""

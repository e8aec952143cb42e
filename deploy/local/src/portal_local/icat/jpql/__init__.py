"""ICAT's query language: text to tokens, tokens to a syntax tree, tree to SQL with parameters."""

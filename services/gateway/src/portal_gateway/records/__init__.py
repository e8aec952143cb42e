"""The full record of a dataset or document, as its page on the web site shows it."""

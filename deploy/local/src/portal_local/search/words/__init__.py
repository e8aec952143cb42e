"""The words of an index: vocabulary, similar words, places in documents, lengths of fields."""

"""The searchable texts of a record: facts, notes, word forms, quantities, words of documents."""

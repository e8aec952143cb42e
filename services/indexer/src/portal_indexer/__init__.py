"""portal indexer"""

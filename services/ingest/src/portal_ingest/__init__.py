"""portal ingest"""

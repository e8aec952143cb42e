"""Datasets, files, requests and batches in MongoDB."""

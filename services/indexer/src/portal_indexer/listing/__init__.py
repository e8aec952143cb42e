"""What lists of datasets show, count and sort by."""

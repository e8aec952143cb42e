"""Many files in one response: zip, tar, BagIt, Metalink, lists and scripts."""

"""Many files as one answer: zip, tar, bag, Metalink, lists and scripts. Pure."""

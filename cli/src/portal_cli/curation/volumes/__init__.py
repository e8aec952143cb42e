"""Compares the images in the files of a dataset with the parameters in its metadata."""

"""Reads what the headers of files say of their images; voxels are not read."""

"""Crops: a box of voxels of an OME-Zarr volume as a file of its own."""

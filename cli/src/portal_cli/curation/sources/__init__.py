"""Reads the voxels of volumes box by box: TIFF, JPEG 2000, HDF5, OME-Zarr, N5."""

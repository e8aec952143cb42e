"""Sub-volumes: a box of voxels out of an OME-Zarr, as a file that says where it lies."""

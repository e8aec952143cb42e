"""Small generated volumes that stand where the voxels of the Atlas cannot be."""

"""Writes volumes as OME-Zarr 0.5 pyramids, block by block, with bounded memory."""

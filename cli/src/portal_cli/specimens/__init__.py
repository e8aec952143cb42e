"""Cuts the miniatures of the Human Organ Atlas out of one specimen each."""

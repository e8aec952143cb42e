"""Organs as functions of position: grey from 0 to 1, and depth below the surface in mm."""

"""Preparing a job from a folder: read, compared, judged; nothing is sent."""

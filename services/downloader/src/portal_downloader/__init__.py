"""portal downloader"""

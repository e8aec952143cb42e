"""portal gateway"""

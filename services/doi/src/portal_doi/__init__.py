"""portal doi"""

"""A simulator of icat.server 6.2 over real SOAP, for python-icat: see server.py and __main__.py."""

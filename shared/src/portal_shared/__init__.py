"""Contracts and common parts of all services of the portal."""

from importlib.metadata import version

__version__ = version("portal-shared")

"""A folder with one dataset to curate."""

from tests.drivers.curation.scanned import scanned  # noqa: F401

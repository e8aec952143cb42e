"""The Atlas of the installed hoa-tools."""

from tests.drivers.curation.installed_atlas import installed, whole  # noqa: F401

"""The Atlas of the installed hoa-tools."""

from tests.drivers.curation.installed_atlas import (  # noqa: F401
    datasets,
    installed,
    raw,
    registered,
    sent,
    whole,
)

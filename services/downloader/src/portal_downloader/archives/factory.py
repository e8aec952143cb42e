"""Creates the archive that the settings name."""

from portal_downloader.archives.command import CommandArchive
from portal_downloader.archives.protocol import Archive
from portal_downloader.archives.wlcg import WlcgArchive
from portal_downloader.settings import DownloaderSettings


def make_archive(settings: DownloaderSettings) -> Archive:
    """Returns the archive. Raises ValueError for incomplete settings."""
    if settings.archive == "ids":
        # python-icat takes a second to import: only for an IDS
        from portal_downloader.archives.ids import IdsArchive  # noqa: PLC0415

        return IdsArchive(settings)
    if settings.archive == "command":
        return CommandArchive(settings)
    return WlcgArchive(settings)

"""Which kind of archive the settings name."""

from portal_downloader.archives.command import CommandArchive
from portal_downloader.archives.protocol import Archive
from portal_downloader.archives.wlcg import Tape
from portal_downloader.settings import DownloaderSettings


def archive(settings: DownloaderSettings) -> Archive:
    """Raises ValueError for settings that do not name one."""
    if settings.archive == "ids":
        # python-icat takes a second to be imported: those pay who have an IDS
        from portal_downloader.archives.ids import IdsArchive  # noqa: PLC0415

        return IdsArchive(settings)
    if settings.archive == "command":
        return CommandArchive(settings)
    return Tape(settings)

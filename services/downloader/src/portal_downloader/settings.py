"""Settings of the downloader: the archive, the cache, and how patient it is with both."""

from pathlib import Path
from typing import Literal

from portal_shared.runtime.settings import Settings
from pydantic import Field, SecretStr


class DownloaderSettings(Settings):
    archive: Literal["wlcg", "ids", "command"] = "wlcg"  # by what files are recalled
    archive_command: tuple[str, ...] = ()  # of `command`: the program and its first arguments
    archive_root: Path | None = None  # of `command`: where its files are once they are recalled
    icat_url: str = "http://localhost:8181"  # of `ids`: where files are found by location
    icat_authenticator: str = "simple"
    icat_user: str = "ingest"
    icat_password: SecretStr = SecretStr("ingest")
    ids_url: str | None = None  # of `ids`; /ids beside ICAT if missing
    tape_url: str = "http://localhost:8091"  # where the archive tells of its API, and is read
    tape_files_url: str | None = None  # where its files are read, if elsewhere
    tape_token: SecretStr | None = None  # sent as a bearer token
    tape_timeout: float = 60  # seconds without a byte from the archive
    cache_dir: Path = Path("cache")
    cache_bytes: int | None = Field(default=None, ge=1)  # it may hold; None: what the disk has
    cache_spare_bytes: int = Field(default=256 * 2**20, ge=0)  # of the disk, left for others
    keep_seconds: float = 2 * 86_400  # what was recalled stays at least so long
    read_seconds: float = 3600  # what is read stays at least so long after
    window_seconds: float = 1  # requests are collected so long before files are staged
    batch_files: int = Field(default=300, ge=1)  # of one stage request
    most_under_way: int = Field(default=5000, ge=1)  # files at the archive and on its disk for us
    most_queued: int = Field(default=5000, ge=1)  # files of one reader; more follow as these go
    most_tapes: int = Field(default=8, ge=1)  # at the archive at once: best as many as drives
    tape_places_url: str | None = None  # who tells on which tape, and where on it, a file lies
    poll_seconds: float = Field(default=0.5, gt=0)  # the first pause between looks at a request
    poll_longest: float = 60
    pin_seconds: int = 86_400  # how long the archive is asked to keep files on disk
    most_attempts: int = Field(default=3, ge=1)  # at staging a file
    retry_seconds: float = 5  # before the second attempt, twice that before the third
    deadline_seconds: float = 7 * 86_400  # of a file asked for, and of a request
    unknown_seconds: float = 600  # a request waits so long for its dataset to become known
    fetches_at_once: int = Field(default=3, ge=1)
    gather_seconds: float = Field(default=0.5, ge=0)  # news of datasets is kept in portions
    lease_seconds: float = 30  # work that was cut off is taken up again after that
    crop_voxels: int = Field(default=2**26, ge=1)  # of a sub-volume; as many may be in memory
    crops_at_once: int = Field(default=2, ge=1)  # being cut; others wait for their turn
    progress_seconds: float = 0.5  # between two words on the progress of a request

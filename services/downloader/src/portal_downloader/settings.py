"""Settings of the downloader: the archive, the cache, limits and timeouts."""

from pathlib import Path
from typing import Literal

from portal_shared.runtime.settings import ReadersSettings
from portal_shared.runtime.tls import CaFile
from pydantic import Field, SecretStr


class DownloaderSettings(ReadersSettings):
    archive: Literal["wlcg", "ids", "command"] = "wlcg"  # the kind of archive
    archive_command: tuple[str, ...] = ()  # of `command`: the program and its first arguments
    archive_root: Path | None = None  # of `command`: where recalled files are read
    icat_url: str = "http://localhost:8181"  # of `ids`: the ICAT with the locations of files
    icat_authenticator: str = "simple"
    icat_user: str = "ingest"
    icat_password: SecretStr = SecretStr("ingest")
    icat_ca_file: CaFile | None = None  # of ICAT and IDS: of a private authority
    ids_url: str | None = None  # of `ids`; default: /ids of the ICAT server
    tape_url: str = "http://localhost:8091"  # of `wlcg`: base of discovery and of reading
    tape_files_url: str | None = None  # of `wlcg`: base of reading, if different
    tape_token: SecretStr | None = None  # of `wlcg`: bearer token
    tape_ca_file: CaFile | None = None  # of `wlcg`: of a private authority
    tape_timeout: float = 60  # seconds without data from the archive
    cache_dir: Path = Path("cache")  # folder of the disk cache
    cache_replaces: str | None = None  # identity of a lost cache that this one replaces
    cache_bytes: int | None = Field(default=None, ge=1)  # size limit; None: the disk
    cache_spare_bytes: int = Field(default=256 * 2**20, ge=0)  # of the disk, left free
    keep_seconds: float = 2 * 86_400  # recalled files are protected for so long
    read_seconds: float = 3600  # files are protected so long after reading
    window_seconds: float = 1  # files are collected so long before staging
    batch_files: int = Field(default=300, ge=1)  # in one stage request
    most_under_way: int = Field(default=5000, ge=1)  # files staged or being staged
    most_queued: int = Field(default=5000, ge=1)  # files of one requester; others follow later
    most_tapes: int = Field(default=8, ge=1)  # in use at the same time: the number of drives
    tape_places_url: str | None = None  # service with the tape positions of files
    poll_seconds: float = Field(default=0.5, gt=0)  # first pause between polls of a request
    poll_longest: float = 60  # longest pause between polls
    pin_seconds: int = 86_400  # requested lifetime of pins at the archive
    most_attempts: int = Field(default=3, ge=1)  # of staging a file
    retry_seconds: float = 5  # before the second attempt; doubled for each
    deadline_seconds: float = 7 * 86_400  # of a queued file, and of a request
    unknown_seconds: float = 600  # a request waits so long for an unknown dataset
    usual_first_seconds: float = Field(default=180, ge=0)  # until a first file; for estimates
    usual_bytes_per_second: float = Field(default=100e6, gt=0)  # of the archive; for estimates
    fetches_at_once: int = Field(default=3, ge=1)  # files copied from the archive at the same time
    gather_seconds: float = Field(default=0.5, ge=0)  # events of datasets are stored together
    lease_seconds: float = 30  # interrupted work is resumed after that
    crop_voxels: int = Field(default=2**26, ge=1)  # of one crop
    crop_memory_bytes: int = Field(default=2**31, ge=2**20)  # of all crops together
    crops_at_once: int = Field(default=2, ge=1)  # being read at the same time
    intake_root: Path | None = None  # read for files that stay online; None: they are recalled
    slices_at_once: int = Field(default=2, ge=1)  # being read or drawn at the same time
    slices_pending: int = Field(default=256, ge=1)  # requests; more are refused with 429
    slice_memory_bytes: int = Field(default=2**28, ge=2**20)  # decoded chunks in memory
    picture_memory_bytes: int = Field(default=2**26, ge=2**20)  # pictures in memory
    progress_seconds: float = 0.5  # between progress events of a request

"""What the downloader remembers: its collections in MongoDB, and the disk cache."""

from dataclasses import dataclass

from portal_downloader.batches import Batches
from portal_downloader.cache import Cache
from portal_downloader.contents import Contents
from portal_downloader.datasets import Datasets
from portal_downloader.requests import Requests
from portal_downloader.rows import Files


@dataclass(frozen=True)
class Stores:
    datasets: Datasets
    files: Files
    requests: Requests
    batches: Batches
    contents: Contents
    cache: Cache

"""The repositories of the downloader's MongoDB collections."""

from dataclasses import dataclass

from portal_downloader.store.batches import Batches
from portal_downloader.store.contents import Contents
from portal_downloader.store.damages import Damages
from portal_downloader.store.datasets import Datasets
from portal_downloader.store.files import Files
from portal_downloader.store.requests import Requests
from portal_downloader.store.resident_files import ResidentFiles


@dataclass(frozen=True)
class Stores:
    datasets: Datasets
    files: Files
    requests: Requests
    batches: Batches
    contents: Contents
    damages: Damages
    resident_files: ResidentFiles

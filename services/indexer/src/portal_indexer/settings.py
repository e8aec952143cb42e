"""Settings of the indexer."""

from portal_shared.runtime.settings import Settings
from portal_shared.runtime.tls import CaFile
from pydantic import SecretStr


class IndexerSettings(Settings):
    meilisearch_url: str = "http://localhost:7700"  # the search engine
    meilisearch_key: SecretStr = SecretStr("")  # may write indexes; in the gateway: may search them
    meilisearch_ca_file: CaFile | None = None  # of a private authority, in addition to the others
    index_prefix: str = ""  # of index names, when several instances share one Meilisearch
    batch: int = 4000  # records that are built and sent together; of documents half
    task_seconds: float = 300  # timeout of one Meilisearch task

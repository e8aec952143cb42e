"""Settings of the indexer."""

from portal_shared.runtime.settings import Settings
from pydantic import SecretStr


class IndexerSettings(Settings):
    meilisearch_url: str = "http://localhost:7700"
    meilisearch_key: SecretStr = SecretStr("")
    index_prefix: str = ""  # before the names of the indexes: several instances on one engine
    batch: int = 200  # records packed and sent at once
    task_seconds: float = 300  # an engine that has not finished a batch by then is out of reach

"""Settings of the gateway."""

from portal_shared.settings import Settings
from pydantic import SecretStr


class GatewaySettings(Settings):
    meilisearch_url: str = "http://localhost:7700"
    meilisearch_key: SecretStr = SecretStr("")
    index_prefix: str = ""  # before the names of the indexes: several instances on one engine
    downloader_url: str = "http://localhost:8003"
    search_seconds: float = 9  # a federation waits ten

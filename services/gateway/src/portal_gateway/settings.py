"""Settings of the gateway."""

from portal_shared.settings import Settings
from pydantic import SecretStr


class GatewaySettings(Settings):
    meilisearch_url: str = "http://localhost:7700"
    meilisearch_key: SecretStr = SecretStr("")
    index_prefix: str = ""  # before the names of the indexes: several instances on one engine
    downloader_url: str = "http://localhost:8003"
    most_files_waiting: int = 100_000  # of one reader, asked for and not yet here
    most_bytes_waiting: int = 50 * 10**12
    most_downloads_waiting: int = 50
    search_seconds: float = 9  # a federation waits ten

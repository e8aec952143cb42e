"""Settings of the gateway."""

from portal_shared.runtime.settings import ReadersSettings
from portal_shared.runtime.tls import CaFile
from pydantic import Field, SecretStr


class GatewaySettings(ReadersSettings):
    meilisearch_url: str = "http://localhost:7700"
    meilisearch_key: SecretStr = SecretStr("")
    meilisearch_ca_file: CaFile | None = None  # of a private authority, in addition to the others
    index_prefix: str = ""  # of index names, so that instances can share an engine
    downloader_url: str = "http://localhost:8003"  # where files are, for reading and for the status
    site_server_url: str | None = None  # forward the site's pages there; None: an ingress does
    smtp_host: str | None = None  # None: no e-mail is sent
    smtp_port: int = 25  # of the mail server
    smtp_starttls: bool = False  # encrypt before the password is sent
    smtp_user: str = ""  # empty: no login
    smtp_password: SecretStr = SecretStr("")  # of smtp_user
    smtp_from: str = "portal@localhost"  # sender of notices
    notice_pause: float = Field(default=10, gt=0)  # seconds to the second attempt, then doubled
    # e-mails and webhooks sent at the same time
    notices_at_once: int = Field(default=8, ge=1, le=100)
    webhook_private: bool = False  # whether webhooks may be on hosts that are not public
    most_files_waiting: int = 100_000  # limit of one requester
    most_bytes_waiting: int = 50 * 10**12  # limit of one requester
    most_downloads_waiting: int = 50  # limit of one requester
    most_downloads_a_day: int = Field(default=2000, ge=1)  # files that are online count, too
    most_files_listed_a_day: int = Field(default=200_000, ge=1)  # limit of one requester
    most_notices_a_day: int = Field(default=100, ge=1)  # limit of one requester
    most_streams_open: int = Field(default=50, ge=1)  # event streams of one requester
    most_streams_in_all: int = Field(default=2000, ge=1)  # of this process
    viewer_url: str = "/viewer/"  # of Neuroglancer; a path is below the public address
    search_seconds: float = 9  # deadline; a federation waits ten

"""Settings of `portal-topology` and `portal topology`, which prepare the broker."""

from pydantic import Field, SecretStr

from portal_shared.runtime.settings import Settings
from portal_shared.runtime.tls import CaFile

NONE = SecretStr("")


class TopologySettings(Settings):
    """Who may use the broker is given by the addresses with which they connect to it."""

    # RabbitMQ's management API with an administrator, as in https://admin:password@host:15671;
    # empty: policies and users are not made
    amqp_management_url: SecretStr = NONE
    amqp_management_ca_file: CaFile | None = None  # PEM file, besides the system's authorities
    amqp_url_ingest: SecretStr = NONE  # PORTAL_AMQP_URL of ingest; empty: its user is not made
    amqp_url_doi: SecretStr = NONE  # likewise of doi
    amqp_url_indexer: SecretStr = NONE  # likewise of indexer
    amqp_url_downloader: SecretStr = NONE  # likewise of downloader
    amqp_url_gateway: SecretStr = NONE  # likewise of gateway
    amqp_url_cli: SecretStr = NONE  # likewise of operators' command: jobs and dead letters
    amqp_url_sender: SecretStr = NONE  # likewise of programs that send jobs and read the answers
    esrf_bridge: bool = False  # of ingest: it declares and consumes the queues of pyicat-plus
    delivery_limit: int = Field(default=20, ge=1)  # deliveries of a message that crashes consumers
    queue_max_messages: int = Field(default=2_000_000, ge=1)  # in one queue; then none is accepted
    queue_max_bytes: int = Field(default=8 * 10**9, ge=10**6)  # likewise

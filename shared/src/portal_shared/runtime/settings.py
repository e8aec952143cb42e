"""Settings of every service; created once in build() and passed down, never global.

The defaults work on a developer's machine. Secrets come from the environment or from files:
PORTAL_SECRETS_DIR is a folder with one file per variable.
"""

import os
from pathlib import Path
from typing import Any

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="PORTAL_", frozen=True, extra="ignore")

    # RabbitMQ, with user and virtual host; over TLS amqps://…?cafile=FILE of a private authority
    amqp_url: SecretStr = SecretStr("amqp://guest:guest@localhost:5672/")
    # MongoDB, a replica set; over TLS …?tls=true, with &tlsCAFile=FILE of a private authority
    mongo_url: SecretStr = SecretStr("mongodb://localhost:27017/")
    database_prefix: str = ""  # for several instances on one server, and for tests
    log_level: str = "INFO"  # DEBUG, INFO, WARNING or ERROR
    retry_delays: tuple[float, ...] = (5, 30, 180, 1200)  # seconds between attempts at a message
    # OTLP over HTTP: where traces are sent, as in http://collector:4318; empty: there are none
    otlp_url: str = ""
    trace_share: float = Field(default=1, ge=0, le=1)  # of the traces that begin here: recorded
    site_url: str = (
        "http://localhost:8000"  # public address of the portal, without a slash at its end
    )
    profile: str = "human-organs"  # of jobs without one
    operator_token: SecretStr = SecretStr("")  # of operators' routes; empty: they are closed
    data_dir: Path | None = None  # on the disk of broker and database, if these run on this machine
    stop_seconds: float = Field(default=10, gt=0)  # for what is under way at the end; then cut
    stuck_seconds: float = Field(default=1800, gt=0)  # of a worker, until /health/live fails
    data_spare_bytes: int = 64 * 10**6  # of that disk; with less, /health reports "disk"

    def __init__(self, **values: Any) -> None:
        folder = os.environ.get("PORTAL_SECRETS_DIR")
        super().__init__(**({"_secrets_dir": folder} if folder else {}), **values)


class ReadersSettings(Settings):
    """Of services with a port for readers: their routes for operators are on another one."""

    operator_host: str = "127.0.0.1"  # where the routes of operators are; 0.0.0.0: any address
    operator_port: int = Field(default=8001, ge=0, le=65535)  # of these routes; 0: any free one

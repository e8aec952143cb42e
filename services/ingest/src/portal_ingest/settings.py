"""Settings of ingest."""

from pathlib import Path
from typing import Annotated

from portal_shared.runtime.settings import Settings
from portal_shared.runtime.tls import CaFile
from pydantic import Field, SecretStr


class IngestSettings(Settings):
    # ICAT server (SOAP); in the downloader: for archive `ids` only
    icat_url: str = "http://localhost:8181"
    icat_authenticator: str = "simple"  # the plugin of ICAT that checks the password
    icat_user: str = "ingest"  # account in ICAT
    icat_password: SecretStr = SecretStr("ingest")  # of that account
    icat_ca_file: CaFile | None = None  # of a private authority, in addition to the system's
    icat_clients: int = 2  # one thread and one session each
    icat_timeout: float = 60  # seconds a request may take
    icat_refusal_pauses: tuple[float, ...] = (5, 30)  # seconds between attempts at a refused DOI
    esrf_bridge: bool = False  # consume the messages of pyicat-plus, sent over STOMP
    esrf_stomp: str | None = None  # host:port of RabbitMQ's stomp plugin; None: no proxy
    esrf_stomp_door: str = "127.0.0.1:61613"  # host:port of the proxy, to which clients connect
    esrf_stomp_vhost: str = "/"  # virtual host of the messages
    job_lease: Annotated[float, Field(gt=0)] = 60  # seconds until a killed replica's job is free
    jobs_at_once: int = 8  # of different documents: most of the time each waits for a commit
    intake_root: Path | None = None  # of files of jobs; None: jobs cannot name files by folder

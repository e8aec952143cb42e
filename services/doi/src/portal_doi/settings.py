"""Settings of the doi service: address, account, prefix and rate limit of DataCite; relations."""

from typing import Annotated

from portal_shared.runtime.settings import Settings
from portal_shared.runtime.tls import CaFile
from pydantic import Field, SecretStr


class DoiSettings(Settings):
    datacite_url: str = "http://localhost:8090"  # DataCite REST API
    datacite_user: str = "DEMO.PORTAL"  # repository account
    datacite_password: SecretStr = SecretStr("demo")  # of that account
    datacite_ca_file: CaFile | None = None  # of a private authority, in addition to the system's
    # of new DOIs; a test prefix by default
    datacite_prefix: Annotated[str, Field(pattern=r"^10\.\d{4,9}$")] = "10.5072"
    datacite_timeout: Annotated[float, Field(gt=0)] = 30  # seconds until the next byte of an answer
    # DataCite takes 3000 calls in 5 minutes from one address, 750 on its test system:
    # burst + 300 s x rate stays below.
    datacite_rate: Annotated[float, Field(gt=0)] = 8  # calls per second of all replicas together
    datacite_burst: Annotated[int, Field(ge=1)] = 500  # calls without a pause, after a quiet time
    parallelism: Annotated[int, Field(ge=1)] = 4  # concurrent calls of this replica
    relations_quiet: Annotated[float, Field(gt=0)] = 1  # seconds without changes before updates
    relations_patience: Annotated[float, Field(gt=0)] = 10  # seconds to wait for missing relatives

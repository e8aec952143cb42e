"""Settings every service has; made once in build(), passed down, never global.

Defaults run on a developer's machine. Secrets come from the environment or from files
(PORTAL_SECRETS_DIR names a folder with one file per variable).
"""

import os
from typing import Any

from pydantic import SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="PORTAL_", frozen=True, extra="ignore")

    amqp_url: SecretStr = SecretStr("amqp://guest:guest@localhost:5672/")
    mongo_url: SecretStr = SecretStr("mongodb://localhost:27017/")
    database_prefix: str = ""  # several instances on one server; tests
    log_level: str = "INFO"
    retry_delays: tuple[float, ...] = (5, 30, 180, 1200)  # seconds between the tries of a message
    site_url: str = "http://localhost:8000"  # where readers find the portal: no slash at its end
    profile: str = "human-organs"  # of a job that names none

    def __init__(self, **values: Any) -> None:
        folder = os.environ.get("PORTAL_SECRETS_DIR")
        super().__init__(**({"_secrets_dir": folder} if folder else {}), **values)

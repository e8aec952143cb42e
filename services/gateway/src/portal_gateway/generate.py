"""Command `python -m portal_gateway.generate`: writes openapi.json, the public interface."""

import json
import sys
from pathlib import Path

from portal_gateway.app import build
from portal_gateway.settings import GatewaySettings

FILE = Path(__file__).parents[2] / "openapi.json"


def openapi_json() -> str:
    """Returns the content of openapi.json as it is to be committed."""
    return json.dumps(build(GatewaySettings()).openapi(), indent=1, ensure_ascii=False) + "\n"


def main() -> None:
    FILE.write_text(openapi_json(), "utf-8")
    sys.stdout.write(f"{FILE.name} written\n")


if __name__ == "__main__":
    main()

"""The token of operators in tests, the header that carries it, and their port."""

import os

TOKEN = "a-token-of-tests"
HEADERS = {"Authorization": f"Bearer {TOKEN}"}


def give_token() -> None:
    """Gives the token to all services that this process builds or starts."""
    os.environ["PORTAL_OPERATOR_TOKEN"] = TOKEN
    os.environ["PORTAL_OPERATOR_PORT"] = "0"  # services that tests build run side by side

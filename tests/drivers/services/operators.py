"""The token of operators in tests, and the header that carries it."""

import os

TOKEN = "a-token-of-tests"
HEADERS = {"Authorization": f"Bearer {TOKEN}"}


def give_token() -> None:
    """Gives the token to all services that this process builds or starts."""
    os.environ["PORTAL_OPERATOR_TOKEN"] = TOKEN

"""TLS to outside systems whose certificates are of a private authority."""

import ssl
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator


def tls_context(ca_file: Path | None) -> ssl.SSLContext:
    """Returns a context that trusts the authorities of the system and those in the file."""
    context = ssl.create_default_context()
    if ca_file is not None:
        context.load_verify_locations(ca_file)
    return context


def _with_certificates(path: Path) -> Path:
    try:
        tls_context(path)
    except OSError as error:  # SSLError among them
        reason = error.strerror or str(error)
        raise ValueError(f"{path} is no file of certificates in PEM format: {reason}") from error
    return path


CaFile = Annotated[Path, AfterValidator(_with_certificates)]
"""A setting: a PEM file with the certificates of one or more authorities."""

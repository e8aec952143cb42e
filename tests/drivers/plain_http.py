"""HTTP clients for servers of this machine.

A client of httpx loads the certificates of all authorities when it is constructed, 0.04 s of CPU
each time. Servers of tests speak plain HTTP, so that these clients trust nobody.
"""

import ssl
from typing import Any

import httpx

NO_AUTHORITIES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
# Servers close a connection that was idle for 5 s; a request that is sent just then has no answer.
LIMITS = httpx.Limits(max_connections=100, max_keepalive_connections=20, keepalive_expiry=1)


def client(url: str = "", *, limits: httpx.Limits = LIMITS, **options: Any) -> httpx.Client:
    return httpx.Client(base_url=url, verify=NO_AUTHORITIES, limits=limits, **options)


def async_client(
    url: str = "", *, limits: httpx.Limits = LIMITS, **options: Any
) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=url, verify=NO_AUTHORITIES, limits=limits, **options)


def get(url: str, **options: Any) -> httpx.Response:
    return httpx.get(url, verify=NO_AUTHORITIES, **options)


def post(url: str, **options: Any) -> httpx.Response:
    return httpx.post(url, verify=NO_AUTHORITIES, **options)


def delete(url: str, **options: Any) -> httpx.Response:
    return httpx.delete(url, verify=NO_AUTHORITIES, **options)

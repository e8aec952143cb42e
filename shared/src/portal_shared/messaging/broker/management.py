"""RabbitMQ's management API: reads what a virtual host has, and makes what is missing."""

from typing import Any, Self
from urllib.parse import quote, unquote, urlsplit

import httpx

from portal_shared.messaging.broker.plan import Found, FoundQueue, FoundUser, Step
from portal_shared.messaging.broker.settings import TopologySettings
from portal_shared.messaging.broker.wanted import NOTHING, PRIORITY, Policy, Rights
from portal_shared.messaging.topology import EVENTS, Binding
from portal_shared.runtime.errors import Conflict, Invalid, Unavailable
from portal_shared.runtime.tls import tls_context

TIMEOUT_SECONDS = 30.0
UNAUTHORIZED, FORBIDDEN, NOT_FOUND = 401, 403, 404
VARIABLE = "PORTAL_AMQP_MANAGEMENT_URL"


class ManagementApi:
    """A client for one virtual host. Methods raise Unavailable, Invalid or Conflict."""

    def __init__(self, settings: TopologySettings, vhost: str) -> None:
        url = urlsplit(settings.amqp_management_url.get_secret_value())
        if url.scheme not in ("http", "https") or not url.hostname:
            raise Invalid(f"{VARIABLE} must be like https://user:password@host:15671")
        address = url.netloc.rpartition("@")[2]
        self._client = httpx.AsyncClient(
            base_url=f"{url.scheme}://{address}{url.path.rstrip('/')}",
            auth=(unquote(url.username or ""), unquote(url.password or "")),
            verify=tls_context(settings.amqp_management_ca_file),
            timeout=TIMEOUT_SECONDS,
            trust_env=False,
        )
        self._vhost = vhost

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.aclose()

    async def read(self) -> Found:
        """Returns what the virtual host has."""
        users = await self._get("users")
        permissions = await self._get("vhosts", self._vhost, "permissions")
        topics = await self._get("vhosts", self._vhost, "topic-permissions")
        events = {t["user"]: t["write"] for t in topics if t["exchange"] == EVENTS}
        return Found(
            exchanges={e["name"]: e["type"] for e in await self._get("exchanges", self._vhost)},
            queues={
                q["name"]: FoundQueue(q["arguments"], q.get("messages") or 0, q.get("policy") or "")
                for q in await self._get("queues", self._vhost)
            },
            bindings={
                Binding(b["source"], b["destination"], b["routing_key"])
                for b in await self._get("bindings", self._vhost)
            },
            policies={
                p["name"]: Policy(p["pattern"], p["definition"])
                for p in await self._get("policies", self._vhost)
            },
            users={
                u["name"]: FoundUser(u["password_hash"], u["hashing_algorithm"], _tags(u["tags"]))
                for u in users
            },
            rights={
                p["user"]: Rights(
                    p["configure"], p["write"], p["read"], events.get(p["user"], ".*")
                )
                for p in permissions
            },
        )

    async def make(self, step: Step) -> None:
        """Makes one step of a plan that creates or changes something."""
        vhost, name, value = self._vhost, step.name, step.value
        match step.kind:
            case "policy":
                body = {"pattern": value.pattern, "definition": value.limits,
                        "priority": PRIORITY, "apply-to": "queues"}  # fmt: skip
                await self._send("PUT", body, "policies", vhost, name)
            case "exchange":
                await self._send("PUT", {"type": value, "durable": True}, "exchanges", vhost, name)
            case "queue":
                body = {"durable": True, "arguments": value}
                await self._send("PUT", body, "queues", vhost, name)
            case "binding":
                path = ("bindings", vhost, "e", value.exchange, "q", value.queue)
                await self._send("POST", {"routing_key": value.key}, *path)
            case "user":
                await self._send("PUT", {"password": value.password, "tags": ""}, "users", name)
            case "rights":
                rights: Rights = value.rights
                body = {"configure": rights.configure, "write": rights.write, "read": rights.read}
                topic = {"exchange": EVENTS, "write": rights.events, "read": NOTHING}
                await self._send("PUT", topic, "topic-permissions", vhost, name)
                await self._send("PUT", body, "permissions", vhost, name)
            case other:
                raise ValueError(other)

    async def _get(self, *path: str) -> list[dict[str, Any]]:
        return (await self._send("GET", None, *path)).json()

    async def _send(self, method: str, body: object, *path: str) -> httpx.Response:
        url = "/api/" + "/".join(quote(part, safe="") for part in path)
        try:
            answer = await self._client.request(method, url, json=body)
        except httpx.HTTPError as error:
            raise Unavailable(f"{VARIABLE}: RabbitMQ's management API: {error!r}") from error
        if answer.is_success:
            return answer
        reason = f"{method} {url}: {answer.status_code} {answer.text[:300]}"
        if answer.status_code in (UNAUTHORIZED, FORBIDDEN):
            raise Invalid(f"{VARIABLE}: the user is no administrator of RabbitMQ ({reason})")
        if answer.status_code == NOT_FOUND:
            raise Conflict(f"the virtual host {self._vhost!r} does not exist: make it ({reason})")
        if answer.is_client_error:
            raise Conflict(f"RabbitMQ refuses: {reason}")
        raise Unavailable(f"RabbitMQ's management API: {reason}")


def _tags(tags: str | list[str]) -> tuple[str, ...]:
    """Returns the tags of a user: a list since RabbitMQ 3.9, before that words with commas."""
    return tuple(filter(None, tags.split(",") if isinstance(tags, str) else tags))

"""ICAT's operations: each takes a request's arguments and gives its `return` elements."""

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, tzinfo
from pathlib import Path
from typing import get_args

from portal_local.icat.beans.decoder import BeanDecoder, Record
from portal_local.icat.beans.rights import Access, Rights
from portal_local.icat.beans.search import Searcher
from portal_local.icat.beans.writer import Writer, existing_id
from portal_local.icat.errors import IcatError, bad_parameter
from portal_local.icat.ids.operations import Catalogue, IdsService
from portal_local.icat.ids.storage import TieredStorage
from portal_local.icat.jpql.plan import Planner
from portal_local.icat.schema.schema import VALUES, Bean, Field, Schema
from portal_local.icat.schema.store import Store
from portal_local.icat.schema.values import Values, long, markup
from portal_local.icat.sessions import Sessions
from portal_local.icat.wire.soap import Node

API_VERSION = "6.2.0"


@dataclass(frozen=True, kw_only=True)
class IcatOptions:
    """Settings of the server; names of users are `<authenticator>/<user>`."""

    folder: Path
    passwords: dict[str, str]
    root_users: frozenset[str] = frozenset()
    lifetime_minutes: float = 120.0
    max_entities: int = 10_000
    zone: tzinfo = UTC
    collation: str = "general_ci"
    count_triggers: bool = False
    strict_nested: bool = False
    restore_seconds: float = 0.0  # of IDS, from the archive


class IcatService:
    def __init__(self, schema: Schema, options: IcatOptions) -> None:
        values = Values(schema, options.zone)
        planner = Planner(schema, values)
        rights = Rights(schema, planner, options.root_users)
        self._schema = schema
        self._options = options
        self._store = Store(
            options.folder,
            schema,
            options.collation,
            count_triggers=options.count_triggers,
        )
        self._sessions = Sessions(options.passwords, options.lifetime_minutes)
        self._rights = rights
        self._decoder = BeanDecoder(schema, values)
        self._searcher = Searcher(schema, values, planner, rights, options.max_entities)
        self._writer = Writer(schema, rights.checks(), strict_nested=options.strict_nested)
        self.ids = IdsService(
            Catalogue(schema, self._store, self._sessions, planner, rights, self._writer),
            TieredStorage(options.folder / "ids", options.restore_seconds),
        )
        self._operations: dict[str, Callable[[Node], list[str]]] = {
            "login": self._login,
            "logout": self._logout,
            "refresh": self._refresh,
            "getUserName": self._get_user_name,
            "getRemainingMinutes": self._get_remaining_minutes,
            "getProperties": self._get_properties,
            "getApiVersion": lambda _: [_return(API_VERSION)],
            "getVersion": lambda _: [_return(API_VERSION)],
            "getEntityNames": lambda _: [_return(name) for name in schema.beans],
            "getEntityInfo": lambda node: [_entity_info(schema, node.string("beanName"))],
            "getAuthenticatorInfo": self._get_authenticator_info,
            "isAccessAllowed": self._is_access_allowed,
            "create": self._create,
            "createMany": self._create_many,
            "update": self._update,
            "delete": self._delete,
            "deleteMany": self._delete_many,
            "get": self._get,
            "search": self._search,
        }

    def close(self) -> None:
        self._store.close()

    def call(self, operation: Node) -> list[str]:
        """Runs an operation and returns its `return` elements. Raises IcatError."""
        run = self._operations.get(operation.name)
        if run is None:
            raise IcatError("NOT_IMPLEMENTED", f"there is no operation {operation.name}")
        try:
            return run(operation)
        except sqlite3.Error as error:
            raise IcatError(
                "INTERNAL", f"Unexpected DB response class {type(error).__name__} {error}"
            ) from error

    def delete_all(self) -> None:
        self._store.delete_all()

    def expire_sessions(self) -> int:
        with self._store.write_transaction() as connection:
            return self._sessions.expire_all(connection)

    def _login(self, node: Node) -> list[str]:
        credentials = node.first("credentials")
        entries = credentials.every("entry") if credentials else []
        given = {entry.string("key") or "": entry.string("value") or "" for entry in entries}
        with self._store.write_transaction() as connection:
            return [_return(self._sessions.login(connection, node.string("plugin"), given))]

    def _logout(self, node: Node) -> list[str]:
        with self._store.write_transaction() as connection:
            self._sessions.logout(connection, node.string("sessionId"))
        return []

    def _refresh(self, node: Node) -> list[str]:
        with self._store.write_transaction() as connection:
            self._sessions.refresh(connection, node.string("sessionId"))
        return []

    def _get_user_name(self, node: Node) -> list[str]:
        with self._store.read_transaction() as connection:
            return [_return(self._user(connection, node))]

    def _get_remaining_minutes(self, node: Node) -> list[str]:
        with self._store.read_transaction() as connection:
            left = self._sessions.remaining_minutes(connection, node.string("sessionId"))
        return [_return(repr(left))]

    def _get_properties(self, node: Node) -> list[str]:
        with self._store.read_transaction() as connection:
            self._user(connection, node)
        options = self._options
        return [
            _return(f"authn.list {' '.join(self._sessions.authenticators)}"),
            _return(f"lifetimeMinutes {options.lifetime_minutes:g}"),
            _return(f"maxEntities {options.max_entities}"),
            _return(f"rootUserNames {' '.join(sorted(options.root_users))}"),
        ]

    def _get_authenticator_info(self, node: Node) -> list[str]:  # noqa: ARG002
        return [_authenticator_info(name) for name in self._sessions.authenticators]

    def _is_access_allowed(self, node: Node) -> list[str]:
        access = next((a for a in get_args(Access) if a == node.string("accessType")), None)
        if access is None:
            raise bad_parameter(f"accessType must be one of {', '.join(get_args(Access))}")
        record = self._decoder.decode(node.first("bean"))
        if access == "CREATE":
            allowed = self._may_create(record, node)
        else:
            with self._store.read_transaction() as connection:
                user, number = self._user(connection, node), existing_id(connection, record)
                gate = self._rights.gate(connection, user)
                allowed = gate.allowed(access, record.bean, [number])
        return [_return("true" if allowed else "false")]

    def _may_create(self, record: Record, node: Node) -> bool:
        """Creates the bean, checks the right on it and rolls back: rules need a stored bean."""
        with self._store.trial_transaction() as connection:
            user = self._user(connection, node)
            number = self._writer.create(connection, record, user)
            return self._rights.gate(connection, user).allowed("CREATE", record.bean, [number])

    def _create(self, node: Node) -> list[str]:
        record = self._decoder.decode(node.first("bean"))
        with self._store.write_transaction() as connection:
            user = self._user(connection, node)
            number = self._writer.create(connection, record, user)
            gate = self._rights.gate(connection, user)
            gate.require("CREATE", record.bean, [number])  # afterwards, as ICAT does
        return [_return(str(number))]

    def _create_many(self, node: Node) -> list[str]:
        records = [self._decoder.decode(bean) for bean in node.every("beans")]
        with self._store.write_transaction() as connection:
            user = self._user(connection, node)

            def authorize(bean: Bean, number: int) -> None:  # by the rules as they are by then
                self._rights.gate(connection, user).require("CREATE", bean, [number])

            ids = self._writer.create_many(connection, records, user, authorize)
        return [_return(str(number)) for number in ids]

    def _update(self, node: Node) -> list[str]:
        record = self._decoder.decode(node.first("bean"))
        with self._store.write_transaction() as connection:
            self._update_one(connection, record, self._user(connection, node))
        return []

    def _update_one(self, connection: sqlite3.Connection, record: Record, user: str) -> None:
        """Updates a bean; a new parent needs the rights to delete it here and create it there."""
        bean, number = record.bean, existing_id(connection, record)
        self._writer.require_key(record)
        gate = self._rights.gate(connection, user)
        changed = self._writer.changes(connection, record)
        moves = any(field.relation == "ONE" and field.name in bean.key for field in changed)
        gate.require_update(bean, number, [field.name for field in changed])
        if moves:
            gate.require("DELETE", bean, [number])
        self._writer.update(connection, record, user)
        if moves:
            gate.require("CREATE", bean, [number])

    def _delete(self, node: Node) -> list[str]:
        record = self._decoder.decode(node.first("bean"))
        with self._store.write_transaction() as connection:
            user = self._user(connection, node)
            self._delete_all(connection, [record], user)
        return []

    def _delete_one(self, connection: sqlite3.Connection, record: Record, user: str) -> None:
        deletions = self._writer.deletions(connection, record)
        gate = self._rights.gate(connection, user)
        for name, ids in deletions.items():
            gate.require("DELETE", self._schema.beans[name], ids)
        self._writer.delete(connection, deletions)

    def _delete_many(self, node: Node) -> list[str]:
        records = [self._decoder.decode(bean) for bean in node.every("beans")]
        with self._store.write_transaction() as connection:
            self._delete_all(connection, records, self._user(connection, node))
        return []

    def _delete_all(self, connection: sqlite3.Connection, records: list[Record], user: str) -> None:
        for offset, record in enumerate(records):
            try:
                self._delete_one(connection, record, user)
            except IcatError as error:
                raise IcatError(error.kind, error.message, offset) from error

    def _get(self, node: Node) -> list[str]:
        number = long(node.string("primaryKey") or "")
        if number is None:
            raise bad_parameter("primaryKey is not a valid Long")
        with self._store.read_transaction() as connection:
            user = self._user(connection, node)
            return self._searcher.get(connection, node.string("query"), number, user)

    def _search(self, node: Node) -> list[str]:
        with self._store.read_transaction() as connection:
            user = self._user(connection, node)
            return self._searcher.search(connection, node.string("query"), user)

    def _user(self, connection: sqlite3.Connection, node: Node) -> str:
        return self._sessions.user(connection, node.string("sessionId"))


def _return(text: str) -> str:
    return f"<return>{markup(text)}</return>"


def _entity_info(schema: Schema, name: str | None) -> str:
    bean = schema.abstract_parameter if name == VALUES else schema.beans.get(name or "")
    if bean is None:
        raise bad_parameter(f"{name} is not an ICAT entity")
    key = "".join(f"<fieldNames>{part}</fieldNames>" for part in bean.key)
    constraints = f"<constraints>{key}</constraints>" if key else ""
    fields = "".join(_field_info(field) for field in bean.fields.values())
    return f"<return>{constraints}{fields}</return>"


def _field_info(field: Field) -> str:
    length = f"<stringLength>{field.length}</stringLength>" if field.length else ""
    return (
        f"<fields><name>{field.name}</name>"
        f"<notNullable>{'true' if field.required else 'false'}</notNullable>"
        f"<relType>{field.relation}</relType>{length}<type>{field.type}</type></fields>"
    )


def _authenticator_info(mnemonic: str) -> str:
    return (
        "<return><admin>false</admin>"
        "<keys><hide>false</hide><name>username</name></keys>"
        "<keys><hide>true</hide><name>password</name></keys>"
        f"<mnemonic>{mnemonic}</mnemonic></return>"
    )

"""Access rights: root users may do everything, others what ICAT's Rule beans grant."""

import sqlite3
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Literal

from portal_local.icat.errors import IcatError, bad_parameter
from portal_local.icat.jpql.fragments import Fragment
from portal_local.icat.jpql.plan import Planner, RuleTarget
from portal_local.icat.schema.schema import Bean, Field, Schema
from portal_local.icat.schema.store import id_list
from portal_local.icat.schema.values import Value

Access = Literal["CREATE", "READ", "UPDATE", "DELETE"]

_NOTHING = Fragment("SELECT NULL WHERE 0", (), "Long")
_RULES = """
SELECT what, crudFlags, grouping_id IS NULL FROM "Rule" WHERE grouping_id IS NULL OR grouping_id IN
(SELECT g.grouping_id FROM "UserGroup" AS g JOIN "User" AS u ON u.id = g.user_id WHERE u.name = ?)
"""


@dataclass(frozen=True, slots=True)
class _Rule:
    flags: str
    for_everybody: bool
    rule_target: RuleTarget


class Rights:
    """Creates the gates of users and checks new rules; `root_users` need no rules."""

    def __init__(self, schema: Schema, planner: Planner, root_users: Iterable[str]) -> None:
        self._schema = schema
        self._planner = planner
        self._root_users = frozenset(root_users)

    def gate(self, connection: sqlite3.Connection, user: str) -> "Gate":
        """Returns the user's rights, by the rules that the connection's transaction sees."""
        return Gate(connection, self._planner, user, root=user in self._root_users)

    def checks(self) -> dict[str, Callable[[dict[str, Value]], None]]:
        """Returns, by bean, the functions that refuse invalid rows of beans that grant rights."""
        return {"Rule": self._check_rule, "PublicStep": self._check_step}

    def _check_rule(self, row: dict[str, Value]) -> None:
        flags, what = row["crudFlags"], row["what"]
        if what is None:
            raise bad_parameter("'what' must not be null")
        if not isinstance(flags, str) or not isinstance(what, str):
            return  # a null, which is refused as in any bean
        if not flags or not set(flags.upper()) <= set("CRUD"):
            raise bad_parameter(f"CRUD value {flags} contains false")  # as ICAT writes it
        rule_target = self._planner.rule_target(what, "")
        if rule_target.attribute is not None and flags.upper() != "U":
            raise bad_parameter("a rule about an attribute takes the crudFlags U and no other")

    def _check_step(self, row: dict[str, Value]) -> None:
        origin, name = row["origin"], row["field"]
        if not isinstance(origin, str) or not isinstance(name, str):
            return
        bean = self._schema.beans.get(origin)
        field = bean and bean.fields.get(name)
        if field is None or field.relation == "ATTRIBUTE":
            raise bad_parameter(f"{origin}.{name} is not a relation that can be a public step")


class Gate:
    """One user's rights within one transaction."""

    def __init__(
        self, connection: sqlite3.Connection, planner: Planner, user: str, *, root: bool
    ) -> None:
        self._connection = connection
        self._planner = planner
        self._user = user
        self.root = root
        self._cached_rules: list[_Rule] | None = None

    def readable(self, bean: Bean) -> Fragment | None:
        """Returns a query of the ids of the readable beans, or None for all."""
        return self._granted("READ", bean)

    def allowed(self, access: Access, bean: Bean, ids: Iterable[int]) -> bool:
        """Checks whether the access is granted to each of these beans as they are stored."""
        wanted = set(ids)
        return len(self._filter(self._granted(access, bean), wanted)) == len(wanted)

    def require(self, access: Access, bean: Bean, ids: Iterable[int]) -> None:
        if not self.allowed(access, bean, ids):
            raise IcatError(
                "INSUFFICIENT_PRIVILEGES", f"{access} access to this {bean.name} is not allowed."
            )

    def require_update(self, bean: Bean, number: int, changed: Collection[str]) -> None:
        """Requires the right to update the bean, or each of the changed fields."""
        for name in changed:
            if number not in self._filter(self._granted("UPDATE", bean, name), {number}):
                self.require("UPDATE", bean, [number])
        if not changed:
            self.require("UPDATE", bean, [number])

    def filter_readable(self, bean: Bean, ids: set[int]) -> set[int]:
        """Returns those of these beans that the user may read."""
        return self._filter(self.readable(bean), ids)

    def filter_visible(self, origin: Bean, field: Field, target: Bean, ids: set[int]) -> set[int]:
        """Returns those of the included beans that the user may see."""
        if self.root or not ids or self._is_public(target) or self._is_step(origin, field):
            return ids
        return self.filter_readable(target, ids)

    def _rules(self) -> list[_Rule]:
        if self._cached_rules is None:
            rows = self._connection.execute(_RULES, (self._user,))
            self._cached_rules = [
                _Rule(
                    flags.upper(), bool(for_everybody), self._planner.rule_target(what, self._user)
                )
                for what, flags, for_everybody in rows
            ]
        return self._cached_rules

    def _granted(self, access: Access, bean: Bean, attribute: str | None = None) -> Fragment | None:
        """Returns a query of the ids with this access (to the attribute), or None for all."""
        if self.root:
            return None
        found = [
            rule.rule_target
            for rule in self._rules()
            if access[0] in rule.flags
            and rule.rule_target.bean is bean
            and rule.rule_target.attribute == attribute
        ]
        if not found:
            return _NOTHING
        if any(not rule_target.restricted for rule_target in found):
            return None
        ids = [rule_target.ids for rule_target in found]
        return Fragment(
            " UNION ALL ".join(fragment.sql for fragment in ids),
            tuple(value for fragment in ids for value in fragment.parameters),
            "Long",
        )

    def _filter(self, granted: Fragment | None, ids: set[int]) -> set[int]:
        if granted is None:
            return ids
        rows = self._connection.execute(
            f"SELECT value FROM json_each(?) WHERE value IN ({granted.sql})",  # noqa: S608
            (id_list(ids), *granted.parameters),
        )
        return {int(row[0]) for row in rows}

    def _is_public(self, bean: Bean) -> bool:
        """Checks for a rule for everybody without a condition; as in ICAT, flags do not matter."""
        return any(
            rule.for_everybody and rule.rule_target.bean is bean and not rule.rule_target.restricted
            for rule in self._rules()
        )

    def _is_step(self, origin: Bean, field: Field) -> bool:
        query = 'SELECT 1 FROM "PublicStep" WHERE origin = ? AND field = ?'
        return self._connection.execute(query, (origin.name, field.name)).fetchone() is not None

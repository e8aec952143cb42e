"""Who may do what: users with all rights, and no rules that would give any to others."""

from collections.abc import Iterable
from typing import Literal

from portal_local.icat.errors import IcatError
from portal_local.icat.schema import Bean

Access = Literal["CREATE", "READ", "UPDATE", "DELETE"]


class Rights:
    """Decides by the session's user name; a user not among `root_users` has no rights."""

    def __init__(self, root_users: Iterable[str]) -> None:
        self._root_users = frozenset(root_users)

    def may(self, user: str, access: Access, bean: Bean) -> bool:  # noqa: ARG002
        return user in self._root_users

    def may_read(self, user: str, bean: Bean) -> bool:
        return self.may(user, "READ", bean)

    def require(self, user: str, access: Access, bean: Bean) -> None:
        if not self.may(user, access, bean):
            raise IcatError(
                "INSUFFICIENT_PRIVILEGES", f"{access} access to this {bean.name} is not allowed."
            )

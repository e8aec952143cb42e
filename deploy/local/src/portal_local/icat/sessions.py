"""Users, logins and sessions; sessions survive a restart; expired ones are purged after an hour."""

import hmac
import sqlite3
import time
import uuid
from collections.abc import Callable, Mapping

from portal_local.icat.errors import IcatError

_PURGED_AFTER = 3600.0


class Sessions:
    """Works on connections whose transactions are the caller's."""

    def __init__(
        self,
        passwords: Mapping[str, str],
        lifetime_minutes: float,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._passwords = dict(passwords)
        self._seconds = lifetime_minutes * 60
        self._clock = clock

    @property
    def authenticators(self) -> list[str]:
        """Mnemonics of the authenticators: the part before the slash in the names of users."""
        return list(dict.fromkeys(name.partition("/")[0] for name in self._passwords))

    def login(
        self, connection: sqlite3.Connection, plugin: str | None, credentials: Mapping[str, str]
    ) -> str:
        if plugin not in self.authenticators:
            raise IcatError("SESSION", f"Authenticator mnemonic {plugin} not recognised")
        for name in ("username", "password"):
            if not credentials.get(name):
                raise IcatError("SESSION", f"{name} cannot be null or empty.")
        user = f"{plugin}/{credentials.get('username', '')}"
        expected = self._passwords.get(user)
        given = credentials.get("password", "")
        if expected is None or not hmac.compare_digest(expected.encode(), given.encode()):
            raise IcatError("SESSION", "The username and password do not match ")
        now = self._clock()
        connection.execute('DELETE FROM "-sessions" WHERE ends < ?', (now - _PURGED_AFTER,))
        session = str(uuid.uuid4())
        connection.execute(
            'INSERT INTO "-sessions" (id, user, ends) VALUES (?, ?, ?)',
            (session, user, now + self._seconds),
        )
        return session

    def user(self, connection: sqlite3.Connection, session: str | None) -> str:
        """Returns the session's user. Raises IcatError if it has expired."""
        user, ends = self._find(connection, session)
        if ends <= self._clock():
            raise IcatError("SESSION", f"Session id:{session} has expired")
        return user

    def remaining_minutes(self, connection: sqlite3.Connection, session: str | None) -> float:
        self.user(connection, session)
        return (self._find(connection, session)[1] - self._clock()) / 60

    def refresh(self, connection: sqlite3.Connection, session: str | None) -> None:
        """Restarts the session's lifetime, even if it has expired but is not yet purged."""
        self._find(connection, session)
        connection.execute(
            'UPDATE "-sessions" SET ends = ? WHERE id = ?',
            (self._clock() + self._seconds, session),
        )

    def logout(self, connection: sqlite3.Connection, session: str | None) -> None:
        self._find(connection, session)
        connection.execute('DELETE FROM "-sessions" WHERE id = ?', (session,))

    def expire_all(self, connection: sqlite3.Connection) -> int:
        """Ends all sessions and returns how many were alive."""
        now = self._clock()
        return connection.execute(
            'UPDATE "-sessions" SET ends = ? WHERE ends > ?', (now, now)
        ).rowcount

    def _find(self, connection: sqlite3.Connection, session: str | None) -> tuple[str, float]:
        if not session:
            raise IcatError("SESSION", "Session Id cannot be null or empty.")
        row = connection.execute(
            'SELECT user, ends FROM "-sessions" WHERE id = ? AND ends >= ?',
            (session, self._clock() - _PURGED_AFTER),
        ).fetchone()
        if row is None:
            raise IcatError("SESSION", f"Unable to find user by sessionid: {session}")
        return row[0], row[1]

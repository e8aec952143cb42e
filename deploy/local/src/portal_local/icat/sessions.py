"""Users, logins and sessions; a session survives a restart, an expired one is purged in an hour."""

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
        """The mnemonics: what stands before the slash in the users' names."""
        return sorted({name.partition("/")[0] for name in self._passwords})

    def login(
        self, connection: sqlite3.Connection, plugin: str | None, credentials: Mapping[str, str]
    ) -> str:
        if plugin not in self.authenticators:
            raise IcatError("SESSION", f"Authenticator mnemonic {plugin} not recognised")
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
        """The session's user, if it has not expired."""
        user, ends = self._find(connection, session)
        if ends <= self._clock():
            raise IcatError("SESSION", f"Session id:{session} has expired")
        return user

    def remaining_minutes(self, connection: sqlite3.Connection, session: str | None) -> float:
        self.user(connection, session)
        return (self._find(connection, session)[1] - self._clock()) / 60

    def refresh(self, connection: sqlite3.Connection, session: str | None) -> None:
        """Starts the session's time anew, even of one that has expired and was not yet purged."""
        self._find(connection, session)
        connection.execute(
            'UPDATE "-sessions" SET ends = ? WHERE id = ?',
            (self._clock() + self._seconds, session),
        )

    def logout(self, connection: sqlite3.Connection, session: str | None) -> None:
        self._find(connection, session)
        connection.execute('DELETE FROM "-sessions" WHERE id = ?', (session,))

    def expire_all(self, connection: sqlite3.Connection) -> int:
        """How many sessions were alive and are no more."""
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

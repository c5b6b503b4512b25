"""Which instances are alive: each holds a lock that the operating system or PostgreSQL releases when it dies.

No clocks and no heartbeats: a slow instance is never taken for a dead one.
"""

import contextlib
import fcntl
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import sqlalchemy as sa

from app.jobs.tables import instances

_LOCK_BITS = 63


class Presence(Protocol):
    """This instance's `id`, and the liveness of the others. Every method blocks."""

    id: str

    def dead(self) -> contextlib.AbstractContextManager[list[str]]:
        """Ids of dead instances; they are forgotten at the end of the block."""
        ...

    def close(self) -> None:
        """Release the lock, so that others see this instance as dead."""
        ...


class FilePresence:
    """Locks on files beside a SQLite database."""

    def __init__(self, database: Path) -> None:
        self.id = secrets.token_hex(8)
        self._prefix = f"{database.name}.instance-"
        self._folder = database.parent
        self._own = _locked(self._path(self.id), os.O_CREAT)

    def _path(self, instance: str) -> Path:
        return self._folder / f"{self._prefix}{instance}"

    @contextlib.contextmanager
    def dead(self) -> Iterator[list[str]]:
        """Instances whose lock is free."""
        locked: dict[Path, int] = {}
        try:
            for path in self._folder.glob(f"{self._prefix}*"):
                if path != self._path(self.id) and (file := _locked(path)) is not None:
                    locked[path] = file
            yield [path.name.removeprefix(self._prefix) for path in locked]
            for path in locked:
                path.unlink(missing_ok=True)
        finally:
            for file in locked.values():
                os.close(file)

    def close(self) -> None:
        """Release the lock; the next instance to look forgets this one."""
        if self._own is not None:
            os.close(self._own)
            self._own = None


def _locked(path: Path, flags: int = 0) -> int | None:
    """The file with its lock held; None if another process holds it or the file has just been deleted."""
    try:
        file = os.open(path, os.O_RDWR | flags, 0o600)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(file)
        return None
    return file


class PostgresPresence:
    """Session-level advisory locks, held by a separate connection."""

    def __init__(self, engine: sa.Engine) -> None:
        self.id = secrets.token_hex(8)
        self._lock = secrets.randbits(_LOCK_BITS)
        self._engine = engine
        self._held: sa.Connection | None = None
        connection = self._connection()
        connection.execute(sa.insert(instances).values(id=self.id, lock=self._lock))

    def _connection(self) -> sa.Connection:
        """The connection that holds the lock, reopened if the last one broke."""
        if self._held is None or self._held.invalidated or self._held.closed:
            self.close()
            connection = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
            connection.execute(sa.select(sa.func.pg_advisory_lock(self._lock)))
            self._held = connection
        return self._held

    @contextlib.contextmanager
    def dead(self) -> Iterator[list[str]]:
        """Instances whose lock is free."""
        connection = self._connection()
        others = connection.execute(sa.select(instances).where(instances.c.id != self.id)).all()
        locked = {
            other.id: other.lock
            for other in others
            if connection.execute(sa.select(sa.func.pg_try_advisory_lock(other.lock))).scalar()
        }
        try:
            yield list(locked)
            connection.execute(sa.delete(instances).where(instances.c.id.in_(list(locked))))
        finally:
            for lock in locked.values():
                connection.execute(sa.select(sa.func.pg_advisory_unlock(lock)))

    def close(self) -> None:
        """Close the connection and thereby release the lock."""
        if self._held is not None:
            held, self._held = self._held, None
            with contextlib.suppress(sa.exc.SQLAlchemyError):
                held.invalidate()
            held.close()

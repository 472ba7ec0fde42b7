"""A database URL in; connections with the durability and locking that the registry counts on out."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa
import structlog
from sqlalchemy.dialects import sqlite
from sqlalchemy.exc import OperationalError

from listener.errors import RegistryUnavailable, SettingsError

log = structlog.get_logger()

T = TypeVar("T")

_BUSY_TIMEOUT_SECONDS = 30
_RETRY_SECONDS = 1.0


class Database:
    """One process's way to the registry's tables."""

    def __init__(self, url: str) -> None:
        self._is_sqlite = url.startswith("sqlite")
        options = {"connect_args": {"timeout": _BUSY_TIMEOUT_SECONDS}} if self._is_sqlite else {}
        self._engine = sa.create_engine(url, **options)
        if self._is_sqlite:
            sa.event.listen(self._engine, "connect", _prepare_sqlite)
            sa.event.listen(self._engine, "begin", _begin_immediately)
        self._reader = self._engine.execution_options(isolation_level="AUTOCOMMIT")

    @contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """One transaction that waits its turn; raises `RegistryUnavailable` where its turn never comes."""
        try:
            with self._engine.begin() as connection:
                yield connection
        except OperationalError as error:
            raise RegistryUnavailable("the registry's database cannot be used") from error

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """A connection for a single query, which delays no writer; raises `RegistryUnavailable`."""
        try:
            with self._reader.connect() as connection:
                yield connection
        except OperationalError as error:
            raise RegistryUnavailable("the registry's database cannot be used") from error

    def insert(self, table: sa.Table) -> Any:
        """An INSERT that leaves an existing row as it is."""
        if self._is_sqlite:
            return sqlite.insert(table).on_conflict_do_nothing()
        from sqlalchemy.dialects import postgresql  # noqa: PLC0415  (slow to import, and not often used)

        return postgresql.insert(table).on_conflict_do_nothing()

    def migrate(self) -> None:
        """Bring the tables up to date, in one transaction: all of it or nothing.

        Raises
        ------
        SettingsError
            A later release has brought them up to date already.
        """
        # Only who starts the node migrates; its roles start faster without these.
        from alembic import command  # noqa: PLC0415
        from alembic.config import Config  # noqa: PLC0415
        from alembic.migration import MigrationContext  # noqa: PLC0415
        from alembic.script import ScriptDirectory  # noqa: PLC0415

        config = Config()
        config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
        known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
        with self._engine.begin() as connection:
            stands_at = set(MigrationContext.configure(connection).get_current_heads())
            if stands_at - known:
                raise SettingsError(
                    f"{self._engine.url.database} was used by a later release of Faintline: "
                    "install that one, or put back a backup of this one's time"
                )
            config.attributes["connection"] = connection
            command.upgrade(config, "head")

    def close(self) -> None:
        """Let go of every connection."""
        self._engine.dispose()


def persistently(note: Callable[[], T]) -> T:
    """Note what must not be forgotten: while the registry cannot be used, try again, as long as it takes."""
    while True:
        try:
            return note()
        except RegistryUnavailable:
            log.warning("the registry cannot be used, trying again")
            threading.Event().wait(_RETRY_SECONDS)


def as_time(seconds: float) -> datetime:
    """Turn a stored time into one with its zone."""
    return datetime.fromtimestamp(seconds, UTC)


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    # sqlite3 must not begin transactions by itself: SQLAlchemy's "begin" event does, immediately.
    connection.isolation_level = None
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_immediately(connection: sa.Connection) -> None:
    # A writer that starts as a reader cannot wait for another writer: SQLite would fail it at once.
    if connection.get_execution_options().get("isolation_level") != "AUTOCOMMIT":
        connection.exec_driver_sql("BEGIN IMMEDIATE")

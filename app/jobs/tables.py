"""The tables of jobs, beside DBOS's own, and the connection to both."""

import os
from pathlib import Path
from typing import Any

import sqlalchemy as sa

_BUSY_TIMEOUT_MS = 30_000
_SCHEMA_LOCK = 0x434F4E44  # any number that no other program uses: "COND"

metadata = sa.MetaData()

jobs = sa.Table(
    "condenser_jobs",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("owner", sa.Text, nullable=False),
    sa.Column("operation", sa.Text, nullable=False),
    sa.Column("request_id", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False, index=True),
    sa.Column("items", sa.Integer, nullable=False),
    sa.Column("succeeded", sa.Integer, nullable=False),
    sa.Column("failed", sa.Integer, nullable=False),
    sa.Column("parallelism", sa.Integer, nullable=False),
    sa.Column("created_at", sa.Double, nullable=False),
    sa.Column("started_at", sa.Double),
    sa.Column("ended_at", sa.Double),
)

# `place`: position in the order in which results arrived; NULL while the item is unfinished.
items = sa.Table(
    "condenser_job_items",
    metadata,
    sa.Column("job", sa.Text, primary_key=True),
    sa.Column("index", sa.Integer, primary_key=True),
    sa.Column("body", sa.Text),
    sa.Column("result", sa.Text),
    sa.Column("place", sa.Integer),
    sa.Index("condenser_job_items_place", "job", "place"),
)

instances = sa.Table(
    "condenser_job_instances",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("lock", sa.BigInteger, nullable=False),
)


def sqlite_file(url: str) -> Path | None:
    """The file of a SQLite URL; None for another database."""
    parsed = sa.make_url(url)
    return Path(parsed.database or "") if parsed.get_backend_name() == "sqlite" else None


def connect(url: str) -> sa.Engine:
    """Connect to the database; creates its folder and tables if they are missing.

    Only the owner can read a SQLite file and its folder. Raises OSError or sqlalchemy.exc.SQLAlchemyError.
    """
    path = sqlite_file(url)
    if path is None:
        # Parameters contain texts, which must not appear in error messages.
        engine = sa.create_engine(
            sa.make_url(url).set(drivername="postgresql+psycopg"), hide_parameters=True, pool_pre_ping=True
        )
    else:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        engine = sa.create_engine(f"sqlite:///{path}", hide_parameters=True)
        sa.event.listen(engine, "connect", _set_up_sqlite)
    with engine.begin() as connection:
        if path is None:
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_SCHEMA_LOCK)))
        metadata.create_all(connection)
    return engine


def _set_up_sqlite(connection: Any, _: object) -> None:
    # The same settings as DBOS's own connections. In WAL mode readers do not wait for the writer. Deleted texts
    # are overwritten.
    connection.isolation_level = "IMMEDIATE"
    for pragma in (
        f"busy_timeout={_BUSY_TIMEOUT_MS}",
        "foreign_keys=ON",
        "journal_mode=WAL",
        "synchronous=NORMAL",
        "secure_delete=ON",
    ):
        connection.execute(f"PRAGMA {pragma}")

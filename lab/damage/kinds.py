"""What a kind of damage is: one small function on a really restored database, and the check that has to find it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, LiteralString, cast

import psycopg

from lab.damage.stage import DATABASE, STATEMENT_TIMEOUT_SECONDS, Stage
from lab.postgres import Cluster
from recovery.checks.outcome import Status

# What is damaged: the database of the running restored cluster, made anew for each damage; or a copy of the whole
# cluster, running (roles, settings) or stopped (files).
On = Literal["database", "server", "files"]


@dataclass
class Patient:
    """The restored copy that is damaged, and how the verification will look at it."""

    stage: Stage
    cluster: Cluster
    database: str = DATABASE
    disaster_time: datetime | None = None
    statement_timeout_seconds: float = STATEMENT_TIMEOUT_SECONDS

    @property
    def moment(self) -> str:
        """The moment that the restore was asked for, in SQL: later than the manifest, earlier than the restore."""
        return f"'{self.stage.asked_for}'::timestamptz"

    def run(self, *statements: str) -> None:
        """Run statements as the superuser, who may also change the catalogs, each in a transaction of its own.

        Raises LookupError for one that finds no row to change: that would be no damage.
        """
        with self.connect() as connection:
            for statement in statements:
                if connection.execute(cast("LiteralString", statement)).rowcount == 0:
                    raise LookupError(f"expected rows to damage, found none: {statement}")

    def silently(self, *statements: str) -> None:
        """The same, with neither triggers nor foreign keys noticing."""
        self.run("SET session_replication_role = replica", *statements)

    def connect(self) -> psycopg.Connection[Any]:
        """An autocommit connection of the superuser, who may also change the catalogs."""
        connection = self.cluster.connect(self.database)
        connection.execute("SET allow_system_table_mods = on")
        return connection


@dataclass(frozen=True, kw_only=True)
class Damage:
    """One kind of damage. ``check`` has to find it, answering ``status``; other checks may find it too.

    ``seen`` is what a person would see of it without the checks.
    """

    name: str
    sentence: str
    check: str
    seen: str
    on: On
    status: Status
    inflict: Callable[[Patient], None]


@dataclass(frozen=True)
class Group:
    """Damages of one sort, in the order they were added. ``about`` introduces them to a reader of the docs."""

    name: str
    about: str
    damages: list[Damage] = field(default_factory=list[Damage])

    def add(
        self, *, check: str, seen: str, on: On = "database", status: Status = "failed"
    ) -> Callable[[Callable[[Patient], None]], Callable[[Patient], None]]:
        """Add the decorated function, whose name names the damage and whose docstring is its sentence."""

        def added(inflict: Callable[[Patient], None]) -> Callable[[Patient], None]:
            self.damages.append(
                Damage(
                    name=inflict.__name__.replace("_", "-"),
                    sentence=(inflict.__doc__ or "").strip(),
                    check=check,
                    seen=seen,
                    on=on,
                    status=status,
                    inflict=inflict,
                )
            )
            return inflict

        return added

"""What is known of a migration, kept in both databases, so that any machine can go on with it.

The one row of ``continuity.migration`` stands on either end from ``start`` to ``abort``. What has been done is looked
up in the catalogs; the row only holds what those cannot tell.
"""

from collections.abc import Generator
from contextlib import ExitStack, contextmanager, suppress
from datetime import datetime
from typing import Literal

import psycopg
from psycopg.types.json import Jsonb
from pydantic import BaseModel, ConfigDict

from recovery.database import Connection, row, rows
from recovery.migration.ends import Ends
from recovery.refusal import RefusedError

TABLE = "continuity.migration"
_LOCK = 0x6D69677261746500  # "migrate" in ASCII
Step = Literal["schema", "copy", "following"]


class Verified(BaseModel):
    """The last verification that found no difference: when, and at which position of the source."""

    model_config = ConfigDict(frozen=True)

    at: datetime
    position: str
    rows: int


class Migration(BaseModel):
    """A migration under way. ``source`` and ``target`` are identities; a cutover swaps them, for it can go back.

    ``turn`` counts the directions it had. ``made_schema`` are the identities of the ends in which ``start`` made the
    schema continuity. ``subscription`` is the number of the one that copied, after which the slots of single tables
    are named. ``cut_over_at`` is when the source last changed.
    """

    model_config = ConfigDict(frozen=True)

    id: str
    source: str
    target: str
    source_place: str
    target_place: str
    started_at: datetime
    step: Step = "schema"
    turn: int = 1
    made_schema: tuple[str, ...] = ()
    subscription: int | None = None
    verified: Verified | None = None
    cut_over_at: datetime | None = None

    @property
    def key(self) -> str:
        """What the objects of this direction are named after."""
        return f"{self.id}_{self.turn}"

    def turned(self, at: datetime) -> "Migration":
        """The same migration once the target serves."""
        return self.model_copy(
            update={
                "source": self.target,
                "target": self.source,
                "source_place": self.target_place,
                "target_place": self.source_place,
                "turn": self.turn + 1,
                "verified": None,
                "cut_over_at": at,
            }
        )


@contextmanager
def alone(*connections: Connection) -> Generator[None]:
    """Be the only command that changes the migration of these databases. One that lost one of them holds the other.

    Raises :class:`RefusedError` when another command is at work.
    """
    with ExitStack() as held:
        for each in connections:
            if not row(each, "SELECT pg_try_advisory_lock(%s) AS got", (_LOCK,))["got"]:
                raise RefusedError(
                    "expected to be alone, found another `dr migrate` at work on this database: let it end first"
                )
            held.callback(_unlock, each)
        yield


def _unlock(connection: Connection) -> None:
    with suppress(psycopg.OperationalError):  # a session that broke off holds no lock
        connection.execute("SELECT pg_advisory_unlock(%s)", (_LOCK,))


def read_migration(connection: Connection) -> Migration | None:
    """What this database knows of a migration; None for none."""
    if not row(connection, "SELECT to_regclass(%s) IS NOT NULL AS present", (TABLE,))["present"]:
        return None
    found = rows(connection, "SELECT state FROM continuity.migration")
    return Migration.model_validate(found[0]["state"]) if found else None


def make_table(connection: Connection) -> bool:
    """Make the table; whether the schema had to be made, too."""
    made = not row(connection, "SELECT to_regnamespace('continuity') IS NOT NULL AS present")["present"]
    with connection.transaction():
        connection.execute("CREATE SCHEMA IF NOT EXISTS continuity")
        connection.execute(
            "CREATE TABLE IF NOT EXISTS continuity.migration (only_row boolean PRIMARY KEY DEFAULT true CHECK"
            " (only_row), fenced boolean NOT NULL DEFAULT false, fence_message text, state jsonb NOT NULL)"
        )
    return made


def write_migration(connection: Connection, migration: Migration) -> None:
    """Keep it."""
    connection.execute(
        "INSERT INTO continuity.migration (state) VALUES (%s)"
        " ON CONFLICT (only_row) DO UPDATE SET state = excluded.state",
        (Jsonb(migration.model_dump(mode="json")),),
    )


def write_both(ends: Ends, migration: Migration) -> Migration:
    """Keep it at both ends, the source first, whose row counts."""
    for each in (ends.source, ends.target):
        write_migration(each.connection, migration)
    return migration


def require_migration(ends: Ends) -> Migration:
    """The migration from this source to this target. Raises :class:`RefusedError` when there is none, or another."""
    found = read_migration(ends.source.connection)
    if found is None:
        other = read_migration(ends.target.connection)
        hint = "" if other is None else f"; {ends.target.place} knows of one from {other.source_place}"
        raise RefusedError(
            f"expected a migration of {ends.source.place}, found none{hint}: begin one with `dr migrate start`"
        )
    require_same_ends(ends, found)
    return found


def decided(ends: Ends) -> Migration | None:
    """What an earlier cutover decided and did not finish: the source is fenced, the target not released.

    None where there is no such thing.
    """
    source, target = read_migration(ends.source.connection), read_migration(ends.target.connection)
    turned = source is not None and source.source == ends.target.identity and source.target == ends.source.identity
    if source is None or not turned or (target is not None and target.turn >= source.turn):
        return None
    return source


def require_same_ends(ends: Ends, found: Migration) -> None:
    """Raise :class:`RefusedError` unless that migration is between these ends, this way, and not being cut over."""
    for each in (ends, Ends(ends.target, ends.source)):
        if decided(each) is not None:
            raise RefusedError(
                "expected a migration of which one end serves, found a cutover that broke off between the two: `dr"
                f" migrate cutover` from {each.source.place} to {each.target.place} ends it, `dr migrate abort` with"
                " these ends undoes it"
            )
    if (found.source, found.target) == (ends.source.identity, ends.target.identity):
        return
    if (found.source, found.target) == (ends.target.identity, ends.source.identity):
        raise RefusedError(
            f"expected {ends.source.place} to serve, found it cut over to {ends.target.place}: swap --source and"
            " --target to go back (cutover) or to end the migration (abort)"
        )
    raise RefusedError(
        f"expected no other migration, found one from {found.source_place} to {found.target_place} of"
        f" {found.started_at:%Y-%m-%d %H:%M} UTC: end it with `dr migrate abort` first"
    )

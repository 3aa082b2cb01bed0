"""The outage of a database as its clients see it, measured by a pulse that beats through it.

A client beats several times a second, reconnects when it loses its server, and keeps every beat that was acknowledged.
Afterwards each of them has to be in the chain: the pulse measures the time without service, and what was lost.
"""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Self

import psycopg
from psycopg.conninfo import make_conninfo

from recovery.database import Connection, connect, row, rows
from recovery.heartbeat import Heartbeat, read_pulse, write_heartbeat

BEAT_SECONDS = 0.5
# A server that is gone without a word is noticed after as long: it would take TCP a quarter of an hour.
_IMPATIENCE = {
    "connect_timeout": 2,
    "keepalives_idle": 1,
    "keepalives_interval": 1,
    "keepalives_count": 2,
    "tcp_user_timeout": 3000,  # milliseconds
}


@dataclass(frozen=True)
class Beat:
    """An acknowledged beat: when it was, by the client's clock, and when the server that took it had been started."""

    heartbeat: Heartbeat
    acknowledged_at: datetime
    server_started_at: datetime


@dataclass(frozen=True)
class Outage:
    """What the beats say of one change of server. None is unmeasured.

    ``duration`` is from the last beat that the old server acknowledged to the first of the new one. ``loss`` reaches
    from the old server's last beat back to the oldest lost one; zero when none was lost.
    """

    duration: timedelta | None
    loss: timedelta | None
    beats: int
    lost: tuple[int, ...]
    faults: tuple[str, ...]


class BeatThrough:
    """Beats in a thread of its own from entering to leaving. ``dsn`` is of a role that may beat."""

    def __init__(self, dsn: str) -> None:
        self._dsn = make_conninfo(dsn, **_IMPATIENCE)
        self._beats: list[Beat] = []
        self._newest_error = ""
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="beat-through", daemon=True)

    def __enter__(self) -> Self:
        """Begin; raises what the first beat raises."""
        with self._connect() as connection:
            self._beat(connection, _started_at(connection))
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join(timeout=10)

    @property
    def beats(self) -> tuple[Beat, ...]:
        """The beats that were acknowledged so far."""
        return tuple(self._beats)

    @property
    def newest_error(self) -> str:
        """What last went wrong, "" when nothing has."""
        return self._newest_error

    def wait_for_another_server(self, timeout: timedelta, *, progress: Callable[[str], None] = lambda _: None) -> bool:
        """Wait until another server than the first takes beats; False when none does in time."""
        deadline = time.monotonic() + timeout.total_seconds()
        while time.monotonic() < deadline:
            beats = self.beats
            if beats[-1].server_started_at != beats[0].server_started_at:
                return True
            silence = (datetime.now(UTC) - beats[-1].acknowledged_at).total_seconds()
            progress("the old server answers" if silence < 2 * BEAT_SECONDS else f"no answer for {silence:.0f} s")
            time.sleep(BEAT_SECONDS / 2)
        return False

    def _connect(self) -> Connection:
        return connect(self._dsn, application_name="dr drill")

    def _run(self) -> None:
        while not self._stop.wait(BEAT_SECONDS):
            try:
                with self._connect() as connection:
                    started_at = _started_at(connection)
                    while True:
                        self._beat(connection, started_at)
                        if self._stop.wait(BEAT_SECONDS):
                            return
            except psycopg.Error as error:  # a lost database is what this is here to live through
                self._newest_error = str(error)

    def _beat(self, connection: Connection, started_at: datetime) -> None:
        heartbeat = write_heartbeat(connection)
        self._beats.append(Beat(heartbeat, datetime.now(UTC), started_at))


def measure_outage(connection: Connection, beats: Sequence[Beat]) -> Outage:
    """Hold the acknowledged beats against the chain of the server that took over. Raises psycopg.Error."""
    found = {
        each["sequence"]: each["hash"]
        for each in rows(
            connection,
            "SELECT sequence, hash FROM continuity.heartbeat WHERE sequence >= %(first)s",
            {"first": min(each.heartbeat.sequence for each in beats)},
        )
    }
    lost = [each for each in beats if found.get(each.heartbeat.sequence) != each.heartbeat.hash]
    old = [each for each in beats if each.server_started_at == beats[0].server_started_at]
    new = [each for each in beats if each.server_started_at != beats[0].server_started_at]
    return Outage(
        duration=new[0].acknowledged_at - old[-1].acknowledged_at if new else None,
        loss=old[-1].acknowledged_at - min((each.acknowledged_at for each in lost), default=old[-1].acknowledged_at)
        if new
        else None,
        beats=len(beats),
        lost=tuple(each.heartbeat.sequence for each in lost),
        faults=read_pulse(connection).faults,
    )


def _started_at(connection: Connection) -> datetime:
    return row(connection, "SELECT pg_postmaster_start_time() AS at")["at"]

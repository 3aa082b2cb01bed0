"""What happens to a device's database and backups under a busy writer, and when the client is killed at any moment.

    python -m benchmarks.device_faults --copies 1000 --kills 400 --out docs/benchmarks/device-faults.md

The tests run the same with small numbers. The control is spec 20's sample, which reads the database's file.
"""

import mmap
import os
import random
import shutil
import signal
import sqlite3
import struct
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Generator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

import typer
from pyrage.x25519 import Identity
from rich.console import Console

from benchmarks.measure import machine
from device import container
from device.backups import BackupManager
from device.context import Context
from device.errors import BackupError, NothingToUndoError
from device.folder import backups
from device.schema.synthetic import create

Verdict = Literal["good", "corrupt", "rows missing"]
Copy = Callable[[Path, Path], None]

# Every transaction replaces the oldest row of each table, so the rows of a copy at any moment are numbered without a
# gap, and equally in both. The log is brought into the database often, as under an app that is used.
ROWS = 4_000
WRITER = """
import mmap, sqlite3, struct, sys
database, progress, mode, rows = sys.argv[1:]
with open(progress, "r+b") as file, mmap.mmap(file.fileno(), 8) as shown:
    app = sqlite3.connect(database, isolation_level=None, timeout=60)
    app.execute(f"PRAGMA journal_mode = {mode}")
    app.execute("PRAGMA synchronous = OFF")
    app.execute("PRAGMA wal_autocheckpoint = 20")
    number = app.execute("SELECT max(number) FROM debit").fetchone()[0]
    while True:
        number += 1
        app.execute("BEGIN IMMEDIATE")
        for table in ("debit", "credit"):
            row = (number % int(rows), number)
            app.execute(f"REPLACE INTO {table} VALUES (?, ?, hex(randomblob(200)))", row)
        app.execute("COMMIT")
        shown[:8] = struct.pack("<q", number)
"""


def torn_copies(folder: Path, copies: int, copy: Copy, *, journal_mode: str = "wal") -> Counter[Verdict]:
    """Copy a database that is being written to so often, and judge each copy."""
    database, target = folder / "busy.db", folder / "copy.db"
    tally: Counter[Verdict] = Counter()
    with _writer(database, folder / "progress", journal_mode) as committed:
        for _ in range(copies):
            floor = committed()
            copy(database, target)
            tally[_judge(target, floor)] += 1
            target.unlink()
    return tally


def client_copies(folder: Path) -> Copy:
    """By a backup of this client, unpacked again."""
    identity = Identity.generate()

    def copy(database: Path, target: Path) -> None:
        made = BackupManager(
            database, folder / "backups", recipients=[identity.to_public()], context=Context(app_version="benchmark")
        ).create_local_backup()
        with target.open("wb") as file:
            container.read(made.path, [identity], on_content=file.write)
        made.path.unlink()

    return copy


def spec_copies(database: Path, target: Path) -> None:
    """By spec 20's sample: `dbFile.readBytes()`."""
    target.write_bytes(database.read_bytes())


@dataclass(frozen=True)
class Kills:
    """``killed`` of ``attempts`` met the client at work; ``lost`` says what each that did harm did."""

    attempts: int
    killed: int
    lost: Sequence[str]


def random_kills(folder: Path, attempts: int, seed: int = 0) -> Kills:
    """Start a create, restore, undo or prune so often, and kill it at a random moment."""
    chance = random.Random(seed)  # noqa: S311 - no secret
    yard = _Yard(folder, Identity.generate())
    yard.prepare()
    # How long to wait at most: it follows what the machine does, so that kills meet beginnings and ends alike.
    reach = dict.fromkeys(yard.works(chance), 0.05)
    killed, lost = 0, list[str]()
    for attempt in range(attempts):
        name, work = chance.choice(sorted(yard.works(chance).items()))
        child = os.fork()
        if child == 0:
            try:
                work()
            finally:
                os._exit(0)
        time.sleep(chance.uniform(0, reach[name]))
        os.kill(child, signal.SIGKILL)
        met = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
        reach[name] *= 1.05 if met else 0.9
        killed += met
        if harm := yard.harm():
            lost.append(f"attempt {attempt}, {name}: {harm}")
        yard.prepare()
    return Kills(attempts, killed, lost)


@dataclass(frozen=True)
class _Yard:
    """A phone whose database and backups hold amount 1 or amount 2 in every row, never anything else."""

    folder: Path
    identity: Identity

    @property
    def database(self) -> Path:
        return self.folder / "phone.db"

    def manager(self) -> BackupManager:
        return BackupManager(
            self.database,
            self.folder / "backups",
            recipients=[self.identity.to_public()],
            identities=[self.identity],
            context=Context(app_version="benchmark"),
        )

    def works(self, chance: random.Random) -> dict[str, Callable[[], object]]:
        manager = self.manager()
        backup = chance.choice(backups(manager.folder)).path
        return {
            "create": manager.create_local_backup,
            "restore": lambda: manager.restore(backup),
            "undo": manager.undo,
            "prune": lambda: manager.prune(keep_days=0),
        }

    def prepare(self) -> None:
        """Both amounts are among the backups, and there is something to undo."""
        if not self.database.exists():
            create(self.database, transactions=400)
        manager = self.manager()
        while len(backups(manager.folder) if manager.folder.exists() else ()) < 3:
            for amount in (1, 2):
                with closing(sqlite3.connect(self.database)) as connection, connection:
                    connection.execute("PRAGMA journal_mode = WAL")
                    connection.execute("UPDATE transactions SET amount_paisa = ?", (amount,))
                manager.create_local_backup()
        try:
            manager.undo()
        except NothingToUndoError:
            manager.restore(backups(manager.folder)[-1].path)

    def harm(self) -> str | None:
        """What is wrong now, in words."""
        if (found := _amounts(self.database)) not in ({1}, {2}):
            return f"the database holds {found}"
        whole = 0
        for backup in backups(self.manager().folder):
            unpacked = self.folder / "unpacked"
            try:
                with unpacked.open("wb") as file:
                    container.read(backup.path, [self.identity], on_content=file.write)
            except BackupError as error:
                return f"{backup.path.name}: {error}"
            if (found := _amounts(unpacked)) not in ({1}, {2}):
                return f"{backup.path.name} holds {found}"
            unpacked.unlink()
            whole += 1
        return None if whole else "no backup is left"


app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def main(
    copies: Annotated[int, typer.Option(min=1, help="Copies under the writer, of each method and mode.")] = 1000,
    kills: Annotated[int, typer.Option(min=1, help="Kills at random moments.")] = 400,
    out: Annotated[Path | None, typer.Option(help="The page to write.", show_default=False)] = None,
) -> None:
    """Count torn copies and what kills destroy; fails if there is one of either."""
    status = Console(stderr=True)
    lines = [
        "# Torn copies and kills",
        "",
        "Written by `make device-faults`.",
        "",
        f"{datetime.now(UTC):%Y-%m-%d}, {machine()}.",
        "",
        f"{copies:,} copies each of a database that another process writes to without a pause:",
        "",
        "| copied by | journal | good | corrupt | committed rows missing |",
        "|---|---|---|---|---|",
    ]
    torn = 0
    for mode in ("wal", "delete"):
        for name in ("this client", "spec 20's sample (reading the file)"):
            folder = Path(tempfile.mkdtemp(prefix="torn-copies-"))
            status.print(f"{copies} copies by {name}, {mode}")
            ours = name == "this client"
            tally = torn_copies(folder, copies, client_copies(folder) if ours else spec_copies, journal_mode=mode)
            shutil.rmtree(folder)
            torn += ours * (copies - tally["good"])
            cells = " | ".join(f"{tally[verdict]:,}" for verdict in ("good", "corrupt", "rows missing"))
            lines.append(f"| {name} | {mode} | {cells} |")
    status.print(f"{kills} kills")
    folder = Path(tempfile.mkdtemp(prefix="kills-"))
    done = random_kills(folder, kills)
    shutil.rmtree(folder)
    lines += [
        "",
        f"Of {done.attempts:,} starts of create, restore, undo and prune, {done.killed:,} were killed at work, at"
        " random moments. The database was whole, old or new, and every backup in the folder opened, after all but"
        f" **{len(done.lost)}** of them.",
        *(f"- {each}" for each in done.lost),
    ]
    page = "\n".join(lines) + "\n"
    if out is not None:
        out.write_text(page)
    typer.echo(page)
    raise typer.Exit(bool(torn or done.lost))


@contextmanager
def _writer(database: Path, progress: Path, journal_mode: str) -> Generator[Callable[[], int]]:
    """A process that writes until the block ends; gives what it has committed so far."""
    with closing(sqlite3.connect(database)) as connection, connection:
        for table in ("debit", "credit"):
            connection.execute(f"CREATE TABLE {table} (slot INTEGER PRIMARY KEY, number INTEGER, note TEXT)")
            rows = ((number % ROWS, number, os.urandom(200).hex()) for number in range(ROWS))
            connection.executemany(f"INSERT INTO {table} VALUES (?, ?, ?)", rows)  # noqa: S608 - our own names
    progress.write_bytes(bytes(8))
    command = [sys.executable, "-c", WRITER, str(database), str(progress), journal_mode, str(ROWS)]
    with progress.open("rb") as file, mmap.mmap(file.fileno(), 8, access=mmap.ACCESS_READ) as shown:
        writer = subprocess.Popen(command)
        try:
            while not any(shown[:8]):
                time.sleep(0.01)
            yield lambda: struct.unpack("<q", shown[:8])[0]
        finally:
            writer.kill()
            writer.wait()


def _judge(copy: Path, floor: int) -> Verdict:
    try:
        with closing(sqlite3.connect(f"{copy.as_uri()}?immutable=1", uri=True)) as connection:
            if connection.execute("PRAGMA integrity_check(1)").fetchone() != ("ok",):
                return "corrupt"
            numbers = [
                connection.execute(f"SELECT count(*), min(number), max(number) FROM {table}").fetchone()  # noqa: S608
                for table in ("debit", "credit")
            ]
    except sqlite3.DatabaseError:
        return "corrupt"
    newest = numbers[0][2]
    if numbers != [(ROWS, newest - ROWS + 1, newest)] * 2:
        return "corrupt"
    return "good" if newest >= floor else "rows missing"


def _amounts(database: Path) -> set[object]:
    try:
        with closing(sqlite3.connect(database)) as connection:
            if connection.execute("PRAGMA integrity_check(1)").fetchone() != ("ok",):
                return {"damage"}
            return {amount for (amount,) in connection.execute("SELECT DISTINCT amount_paisa FROM transactions")}
    except sqlite3.DatabaseError as error:
        return {str(error)}


if __name__ == "__main__":
    app()

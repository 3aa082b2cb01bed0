# ruff: noqa: S608 - the statements are made of constants of the lab
"""Damage to history: another database, an older one, or a pulse that lies about its age."""

from datetime import timedelta

from lab.damage.kinds import Group, Patient
from lab.damage.source import Source
from lab.damage.stage import DATABASE, beat_since, create, forge_heartbeat
from recovery.objectives import FULL_RPO, HEARTBEAT_INTERVAL

HISTORY = Group("History", "Another database, an older one, or a pulse that lies about its age.")

_MIDDLE = "(SELECT max(sequence) / 2 FROM continuity.heartbeat)"


@HISTORY.add(check="heartbeat", seen="Everything works, on the data of before the manifest.", on="server")
def stale_backup(patient: Patient) -> None:
    """The restore went to an earlier moment than was asked for."""
    patient.cluster = patient.stage.source.restore(f"stale-{patient.cluster.port}", patient.stage.before_manifest)


@HISTORY.add(check="heartbeat", seen="The hours before the disaster are missing.")
def late_archive(patient: Patient) -> None:
    """The archive had stopped hours before the disaster: what was restored is older than the objective allows."""
    patient.disaster_time = patient.stage.asked_for + FULL_RPO + timedelta(hours=1)


@HISTORY.add(check="identity", seen="Tables that nobody has heard of.")
def wrong_database(patient: Patient) -> None:
    """The address leads to another database of the same server."""
    patient.database = "postgres"


@HISTORY.add(check="identity", seen="The app works, with invented students.", on="server")
def database_of_another_environment(patient: Patient) -> None:
    """A database of the same name and shape, from another environment's cluster."""
    other = Source(patient.cluster.folder / "staging")
    patient.cluster = other.cluster
    other.start()
    create(other.cluster, users=20, transactions=50)


@HISTORY.add(check="identity", seen="Names sort and compare differently.")
def database_of_another_locale(patient: Patient) -> None:
    """The database was created with another locale before its rows were loaded."""
    patient.run(f"UPDATE pg_database SET datcollate = 'POSIX', datctype = 'POSIX' WHERE datname = '{DATABASE}'")


@HISTORY.add(check="heartbeat", seen="Nothing: one minute of history is missing.")
def gap_in_heartbeats(patient: Patient) -> None:
    """One row in the middle of the pulse is gone."""
    patient.run(f"DELETE FROM continuity.heartbeat WHERE sequence = {_MIDDLE}")


@HISTORY.add(check="heartbeat", seen="The copy looks younger than it is.")
def forged_heartbeat(patient: Patient) -> None:
    """The newest heartbeat's time is changed, its hash is not."""
    patient.run(
        "UPDATE continuity.heartbeat SET written_at = written_at + interval '1 second'"
        " WHERE sequence = (SELECT max(sequence) FROM continuity.heartbeat)"
    )


@HISTORY.add(check="heartbeat", seen="A copy with a pulse of its own, consistent in itself.")
def rewritten_chain(patient: Patient) -> None:
    """The whole chain was written anew, with hashes that are right."""
    with patient.connect() as connection:
        count = connection.execute("SELECT count(*) FROM continuity.heartbeat").fetchone()
        connection.execute("TRUNCATE continuity.heartbeat")
        beat_since(connection, HEARTBEAT_INTERVAL * (count or [0])[0])


@HISTORY.add(check="heartbeat", seen="The copy looks hours old.")
def truncated_chain(patient: Patient) -> None:
    """The newest half of the pulse is gone; what is left is unbroken."""
    patient.run(f"DELETE FROM continuity.heartbeat WHERE sequence > {_MIDDLE}")


@HISTORY.add(check="heartbeat", seen="The pulse begins in the middle of its history.")
def beheaded_chain(patient: Patient) -> None:
    """The oldest half of the pulse is gone."""
    patient.run(f"DELETE FROM continuity.heartbeat WHERE sequence <= {_MIDDLE}")


@HISTORY.add(check="heartbeat", seen="The newest heartbeat is older than the one before it.")
def clock_gone_back(patient: Patient) -> None:
    """A heartbeat continues the chain with a right hash and an earlier time."""
    with patient.connect() as connection:
        forge_heartbeat(connection, timedelta(hours=1))


@HISTORY.add(check="heartbeat", seen="The copy claims to hold what has not happened yet.")
def heartbeat_from_the_future(patient: Patient) -> None:
    """A heartbeat with a right hash is dated a day ahead."""
    with patient.connect() as connection:
        forge_heartbeat(connection, -timedelta(days=1))


@HISTORY.add(check="heartbeat", seen="Nobody can tell how old the copy is.")
def lost_pulse(patient: Patient) -> None:
    """The table of heartbeats is gone."""
    patient.run("DROP TABLE continuity.heartbeat")


@HISTORY.add(check="heartbeat", seen="Nobody can tell how old the copy is.")
def emptied_pulse(patient: Patient) -> None:
    """The table of heartbeats is empty."""
    patient.run("TRUNCATE continuity.heartbeat")

"""Damage to service: the rows are right, and nobody can work with them."""

from lab.damage.kinds import Group, Patient
from lab.damage.stage import DATABASE
from recovery.bootstrap import VERIFIER_ROLE

SERVICE = Group("Service", "The rows are right, and nobody can work with them, or prove them.")


@SERVICE.add(
    check="identity", seen="Every write fails: 'cannot execute INSERT in a read-only transaction'.", on="files"
)
def still_in_recovery(patient: Patient) -> None:
    """The copy was never promoted."""
    (patient.cluster.data / "standby.signal").touch()


@SERVICE.add(check="identity", seen="Every write fails: 'cannot execute INSERT in a read-only transaction'.")
def read_only_database(patient: Patient) -> None:
    """The database refuses writes by a setting of its own."""
    patient.run(f"ALTER DATABASE {DATABASE} SET default_transaction_read_only = on")


@SERVICE.add(
    check="identity", seen="Every write fails: 'cannot execute INSERT in a read-only transaction'.", on="files"
)
def read_only_server(patient: Patient) -> None:
    """The server refuses writes by a setting of its parameter group."""
    patient.cluster.settings["default_transaction_read_only"] = "on"
    patient.cluster.configure()


@SERVICE.add(check="identity", status="not_proven", seen="Nobody but administrators can connect.")
def no_connections_allowed(patient: Patient) -> None:
    """The database's connection limit is 0, as a migration leaves it that broke off."""
    patient.run(f"ALTER DATABASE {DATABASE} CONNECTION LIMIT 0")


@SERVICE.add(check="identity", status="not_proven", seen="'database does not exist'.")
def database_of_another_name(patient: Patient) -> None:
    """The server is the right one, and the database has another name."""
    patient.run("SELECT 1")
    with patient.stage.restored.connect() as admin:
        admin.execute(f"DROP DATABASE {DATABASE} WITH (FORCE)".encode())


@SERVICE.add(
    check="identity", status="not_proven", seen="Restores cannot be proven: nobody signs in for it.", on="server"
)
def lost_verifier(patient: Patient) -> None:
    """The role that verifies restores may not sign in."""
    patient.run(f"ALTER ROLE {VERIFIER_ROLE} NOLOGIN")


@SERVICE.add(check="content", status="not_proven", seen="Restores can be looked at, and not proven.", on="server")
def verifier_without_its_grant(patient: Patient) -> None:
    """The role that verifies restores may no longer read the tables."""
    patient.run(f"REVOKE pg_read_all_data FROM {VERIFIER_ROLE}")


@SERVICE.add(check="identity", status="not_proven", seen="The app times out.", on="server")
def server_that_does_not_answer(patient: Patient) -> None:
    """The server died after the restore."""
    patient.cluster.kill()


@SERVICE.add(check="content", status="not_proven", seen="Every screen with accounts hangs.", on="server")
def lock_that_nobody_lets_go(patient: Patient) -> None:
    """A prepared transaction of before the disaster came along, and holds a lock on a table for ever."""
    patient.statement_timeout_seconds = 0.3
    patient.run("BEGIN; LOCK TABLE linked_accounts; PREPARE TRANSACTION 'forgotten'")

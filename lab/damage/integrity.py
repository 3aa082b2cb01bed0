# ruff: noqa: S608 - the statements are made of constants of the lab
"""Damage to integrity: rows that break what the schema promises, while the schema still promises it.

The rows are new ones, of between the manifest and the restore: nothing but the broken promise tells them from others.
"""

from lab.damage.kinds import Group, Patient

INTEGRITY = Group(
    "Integrity",
    "Rows that break what the schema promises, while the schema still promises it. Most are new ones: nothing but the\n"
    "broken promise tells them from others.",
)


def purchase(patient: Patient, **values: str) -> str:
    """The statement that writes a purchase of before the restore, with some of its values (in SQL) given."""
    moments = dict.fromkeys(("occurred_at", "created_at", "updated_at"), patient.moment)
    columns = {
        "user_id": "(SELECT user_id FROM linked_accounts ORDER BY id LIMIT 1)",
        "account_id": "(SELECT id FROM linked_accounts ORDER BY id LIMIT 1)",
        "kind": "'debit'",
        "amount_paisa": "4200",
        "category": "'food'",
    }
    columns |= moments | values
    return f"INSERT INTO transactions ({', '.join(columns)}) VALUES ({', '.join(columns.values())})"


@INTEGRITY.add(check="constraints", seen="A session of nobody; the foreign key says it cannot be.")
def orphan_by_disabled_triggers(patient: Patient) -> None:
    """A user was deleted while the triggers of the foreign keys were disabled, as loaders do."""
    patient.run(
        "ALTER TABLE users DISABLE TRIGGER ALL",
        "DELETE FROM users WHERE id = (SELECT user_id FROM sessions LIMIT 1)",
        "ALTER TABLE users ENABLE TRIGGER ALL",
    )


@INTEGRITY.add(check="constraints", seen="A purchase of a user who never was.")
def orphan_by_replication_role(patient: Patient) -> None:
    """A row of a missing user was written by a session that replicates, and is asked nothing."""
    patient.silently(purchase(patient, user_id="gen_random_uuid()"))


@INTEGRITY.add(check="constraints", seen="An entry of the ledger in a currency that does not exist.")
def orphan_in_a_partition(patient: Patient) -> None:
    """A row of one partition refers to a row that is missing."""
    at = patient.moment
    patient.silently(
        "INSERT INTO ledger.entries_2026_q2 (id, user_id, booked_on, amount, currency, created_at, updated_at)"
        f" OVERRIDING SYSTEM VALUE SELECT 1000000, id, '2026-05-01', 1, 'XXX', {at}, {at} FROM users LIMIT 1",
        "SELECT setval('ledger.entries_id_seq', 1000000)",
    )


@INTEGRITY.add(check="constraints", seen="Two users with one phone number, of whom one cannot sign in.")
def duplicate_key(patient: Patient) -> None:
    """Two rows have one key under a unique index that slept meanwhile."""
    at = patient.moment
    patient.silently(
        "UPDATE pg_index SET indisready = false WHERE indexrelid = 'users_phone_key'::regclass",
        f"INSERT INTO users (phone, name, created_at, updated_at) SELECT phone, name, {at}, {at} FROM users LIMIT 1",
        "UPDATE pg_index SET indisready = true WHERE indexrelid = 'users_phone_key'::regclass",
    )


@INTEGRITY.add(check="constraints", seen="A user without a name, which the column forbids.")
def null_in_a_required_column(patient: Patient) -> None:
    """A column holds a null, though it is NOT NULL."""
    at = patient.moment
    patient.silently(
        "UPDATE pg_attribute SET attnotnull = false WHERE attrelid = 'users'::regclass AND attname = 'name'",
        "ALTER TABLE users ALTER name SET DEFAULT NULL",
        f"INSERT INTO users (phone, created_at, updated_at) VALUES ('+910000000000', {at}, {at})",
        "ALTER TABLE users ALTER name DROP DEFAULT",
        "UPDATE pg_attribute SET attnotnull = true WHERE attrelid = 'users'::regclass AND attname = 'name'",
    )


@INTEGRITY.add(check="constraints", seen="A purchase that is neither a debit nor a credit.")
def violated_check(patient: Patient) -> None:
    """A row breaks a check constraint that claims to be valid."""
    name = "transactions_kind_check"
    patient.run(
        f"UPDATE pg_constraint SET conenforced = false WHERE conname = '{name}'",
        "UPDATE pg_class SET relchecks = relchecks WHERE oid = 'transactions'::regclass",
    )
    patient.run(purchase(patient, kind="'gift'"))
    patient.run(f"UPDATE pg_constraint SET conenforced = true WHERE conname = '{name}'")


@INTEGRITY.add(check="constraints", seen="An entry of March in the partition of spring: no query for March finds it.")
def row_in_the_wrong_partition(patient: Patient) -> None:
    """A partition holds a row that its bounds exclude."""
    at = patient.moment
    patient.run(
        "ALTER TABLE ledger.entries DETACH PARTITION ledger.entries_2026_q2",
        "INSERT INTO ledger.entries_2026_q2 (id, user_id, booked_on, amount, created_at, updated_at)"
        f" OVERRIDING SYSTEM VALUE SELECT 1000000, id, '2026-03-01', 1, {at}, {at} FROM users LIMIT 1",
        "SELECT setval('ledger.entries_id_seq', 1000000)",
        "ALTER TABLE ledger.entries_2026_q2 ADD CONSTRAINT fits"
        " CHECK (booked_on >= '2026-04-01' AND booked_on < '2026-07-01') NOT VALID",
        "UPDATE pg_constraint SET convalidated = true WHERE conname = 'fits'",
        "ALTER TABLE ledger.entries ATTACH PARTITION ledger.entries_2026_q2"
        " FOR VALUES FROM ('2026-04-01') TO ('2026-07-01')",
        "ALTER TABLE ledger.entries_2026_q2 DROP CONSTRAINT fits",
    )


@INTEGRITY.add(check="constraints", seen="The next statement fails: 'duplicate key value'.")
def sequence_behind_its_column(patient: Patient) -> None:
    """The sequence of a bigserial column starts again at 1, as after a load of the rows alone."""
    patient.run("SELECT setval('ledger.statements_number_seq', 1, false)")


@INTEGRITY.add(check="constraints", seen="The next five entries of the ledger fail.")
def identity_behind_its_column(patient: Patient) -> None:
    """The sequence of an identity column has gone back by five numbers."""
    patient.run("SELECT setval('ledger.entries_id_seq', (SELECT max(id) - 5 FROM ledger.entries))")

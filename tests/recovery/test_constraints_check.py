"""Constraints: what every row promised when it was written still holds."""

from collections.abc import Callable

import pytest
from psycopg.conninfo import make_conninfo

from recovery.bootstrap import VERIFIER_ROLE, bootstrap
from recovery.check_results import CheckResult
from recovery.checks import CheckContext, packing
from recovery.database import Connection
from recovery.manifest_taking import take_manifest
from recovery.verification import plan_checks
from tests.recovery.checking import run_check_at

Check = Callable[..., CheckResult]

HOUSE = """
CREATE DOMAIN paisa AS bigint CHECK (value >= 0) NOT NULL;
CREATE DOMAIN price AS paisa CHECK (value < 1000000);
CREATE TABLE people (id int PRIMARY KEY, phone text UNIQUE, country text, number int, UNIQUE (country, number),
                     boss int REFERENCES people);
CREATE TABLE debts (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, person int NOT NULL REFERENCES people
                        DEFERRABLE INITIALLY DEFERRED,
                    country text, number int, amount bigint NOT NULL CONSTRAINT positive CHECK (amount > 0), cost price,
                    FOREIGN KEY (country, number) REFERENCES people (country, number));
CREATE TABLE pairs (country text, number int,
                    CONSTRAINT whole FOREIGN KEY (country, number) REFERENCES people (country, number) MATCH FULL);
CREATE TABLE days (person int REFERENCES people, day date NOT NULL, PRIMARY KEY (person, day)) PARTITION BY RANGE (day);
CREATE TABLE days_old PARTITION OF days FOR VALUES FROM (MINVALUE) TO ('2026-01-01');
CREATE TABLE days_new PARTITION OF days FOR VALUES FROM ('2026-01-01') TO (MAXVALUE);
CREATE TABLE notes (day date, person int, FOREIGN KEY (person, day) REFERENCES days);
CREATE TABLE rooms (id int, during int4range, EXCLUDE USING gist (during WITH &&));
CREATE TABLE tickets (id serial PRIMARY KEY, code text, spare int DEFAULT nextval('tickets_id_seq'));
CREATE UNIQUE INDEX codes ON tickets (lower(code)) WHERE id > 0;
CREATE SEQUENCE down INCREMENT -1;
CREATE TABLE depths (id int DEFAULT nextval('down'));

INSERT INTO people SELECT n, '+9190' || n, 'in', n, NULL FROM generate_series(1, 300) n;
UPDATE people SET boss = id / 2 WHERE id > 1;
INSERT INTO debts (person, country, number, amount, cost) SELECT n, 'in', n, n, n FROM generate_series(1, 300) n;
INSERT INTO pairs VALUES ('in', 7), (NULL, NULL);
INSERT INTO days SELECT n, date '2025-12-01' + n FROM generate_series(1, 60) n;
INSERT INTO notes SELECT day, person FROM days;
INSERT INTO rooms VALUES (1, '[1,5)'), (2, '[5,9)');
INSERT INTO tickets (code) SELECT 'code ' || n FROM generate_series(1, 20) n;
INSERT INTO depths SELECT FROM generate_series(1, 5);
"""


@pytest.fixture
def house(connection: Connection) -> Connection:
    """Tables with every kind of constraint, and rows that keep them all."""
    connection.execute(HOUSE.encode())
    return connection


def test_rows_that_keep_every_constraint_pass(house: Connection, check: Check):
    result = check("constraints", take_manifest(house))
    assert result.status == "passed", result.detail
    assert result.measurements == {
        "foreign_keys": 6,
        "unique_indexes": 7,
        "exclusions": 1,
        "tables": 5,
        "sequences": 4,
    }


def test_verifier_may_ask_everything(house: Connection, dsn: str):
    bootstrap(house)
    context = CheckContext(manifest=take_manifest(house))
    result = run_check_at(make_conninfo(dsn, user=VERIFIER_ROLE, password=""), "constraints", context)
    assert result.status == "passed", result.detail


REPLICA = "SET session_replication_role = replica;"
# A row that the index does not know: what a torn or forgotten write of the index leaves.
UNSEEN = "UPDATE pg_index SET indisready = {} WHERE indexrelid = '{}'::regclass;"
CATALOG = "SET allow_system_table_mods = on;"


def behind(index: str, statement: str) -> str:
    return UNSEEN.format("false", index) + statement + ";" + UNSEEN.format("true", index)


@pytest.mark.parametrize(
    ("damage", "finding"),
    [
        (
            REPLICA + "DELETE FROM people WHERE id = 300",
            "foreign key public.debts debts_person_fkey leads nowhere from 1 row (public.debts (",
        ),
        (
            "ALTER TABLE people DISABLE TRIGGER ALL; DELETE FROM people WHERE id = 1;"
            "ALTER TABLE people ENABLE TRIGGER ALL",
            "foreign key public.people people_boss_fkey leads nowhere from 2 rows",
        ),
        (
            REPLICA + "UPDATE debts SET number = 999 WHERE id = 3",
            "foreign key public.debts debts_country_number_fkey leads nowhere from 1 row",
        ),
        (REPLICA + "INSERT INTO pairs VALUES ('in', NULL)", "foreign key public.pairs whole leads nowhere from 1 row"),
        (REPLICA + "INSERT INTO pairs VALUES ('in', 999)", "foreign key public.pairs whole leads nowhere from 1 row"),
        (
            REPLICA + "DELETE FROM days_old WHERE person = 5",
            "foreign key public.notes notes_person_day_fkey leads nowhere from 1 row",
        ),
        (
            REPLICA + "INSERT INTO days_new VALUES (999, '2026-02-02')",
            "foreign key public.days days_person_fkey leads nowhere from 1 row (public.days_new (",
        ),
        (
            behind("people_phone_key", "INSERT INTO people VALUES (301, '+91901', 'x', 1)"),
            "unique index public.people_phone_key should have refused 1 key (public.people (0,1) and public.people (",
        ),
        (
            behind("people_country_number_key", "INSERT INTO people VALUES (301, NULL, 'in', 9)"),
            "unique index public.people_country_number_key should have refused 1 key",
        ),
        (
            behind("codes", "INSERT INTO tickets (code) VALUES ('CODE 3')"),
            "unique index public.codes should have refused 1 key",
        ),
        (
            behind("days_old_pkey", "INSERT INTO days_old SELECT * FROM days_old LIMIT 1"),
            "unique index public.days_pkey should have refused 1 key (public.days_old (",
        ),
        (
            behind("rooms_during_excl", "INSERT INTO rooms VALUES (3, '[4,6)')"),
            "exclusion public.rooms rooms_during_excl should have refused 2 pairs",
        ),
        (
            "ALTER TABLE debts DROP CONSTRAINT positive; UPDATE debts SET amount = -5 WHERE id = 2;"
            "ALTER TABLE debts ADD CONSTRAINT positive CHECK (amount > 0) NOT VALID;"
            "UPDATE pg_constraint SET convalidated = true WHERE conname = 'positive'",
            "table public.debts: 1 row against positive (public.debts (",
        ),
        (
            CATALOG + "ALTER TABLE debts ALTER amount DROP NOT NULL; UPDATE debts SET amount = NULL WHERE id IN (2, 4);"
            "UPDATE pg_attribute SET attnotnull = true WHERE attrelid = 'debts'::regclass AND attname = 'amount'",
            "table public.debts: 2 rows against not null of amount (public.debts (",
        ),
        (
            "ALTER DOMAIN paisa DROP CONSTRAINT paisa_check; UPDATE debts SET cost = -1 WHERE id = 2;"
            "ALTER DOMAIN paisa ADD CONSTRAINT low CHECK (value >= 0) NOT VALID;"
            "UPDATE pg_constraint SET convalidated = true WHERE conname = 'low'",
            "table public.debts: 1 row against low of public.paisa in cost",
        ),
        (
            "UPDATE pg_type SET typnotnull = false WHERE typname = 'paisa';"
            "UPDATE debts SET cost = NULL WHERE id = 2;"
            "UPDATE pg_type SET typnotnull = true WHERE typname = 'paisa'",
            "table public.debts: 1 row against not null of public.paisa in cost",
        ),
        (
            "CREATE TABLE logs (day date NOT NULL) PARTITION BY RANGE (day); CREATE TABLE logs_old (day date NOT NULL);"
            "INSERT INTO logs_old VALUES ('2026-05-05');"
            # ATTACH looks at no row when a valid constraint already says it.
            "ALTER TABLE logs_old ADD CONSTRAINT bound CHECK (day < '2026-01-01') NOT VALID;"
            "UPDATE pg_constraint SET convalidated = true WHERE conname = 'bound';"
            "ALTER TABLE logs ATTACH PARTITION logs_old FOR VALUES FROM (MINVALUE) TO ('2026-01-01');"
            "ALTER TABLE logs_old DROP CONSTRAINT bound",
            "table public.logs_old: 1 row against the bounds of its partition",
        ),
        (
            "SELECT setval('tickets_id_seq', 12)",
            "sequence public.tickets_id_seq of public.tickets.id would give 13 next, and the column holds 39 already",
        ),
        (
            "SELECT setval('tickets_id_seq', 40, false)",
            "sequence public.tickets_id_seq of public.tickets.spare would give 40 next",
        ),
        ("SELECT setval('debts_id_seq', 1)", "sequence public.debts_id_seq of public.debts.id would give 2 next"),
        ("SELECT setval('down', -2)", "sequence public.down of public.depths.id would give -3 next"),
        ("INSERT INTO tickets (spare) VALUES (500)", "sequence public.tickets_id_seq of public.tickets.spare"),
    ],
)
def test_violation_is_found_whatever_the_catalog_claims(house: Connection, check: Check, damage: str, finding: str):
    manifest = take_manifest(house)
    house.execute(damage.encode())
    result = check("constraints", manifest)
    assert result.status == "failed", result.detail
    assert finding in result.detail


def test_index_that_lies_is_not_asked_even_where_the_planner_prefers_it(house: Connection, check: Check):
    manifest = take_manifest(house)
    name = house.info.dbname
    for setting in ("seq_page_cost = 1000", "random_page_cost = 0", "cpu_index_tuple_cost = 0"):
        house.execute(f'ALTER DATABASE "{name}" SET {setting}'.encode())
    house.execute(behind("people_phone_key", "INSERT INTO people VALUES (301, '+91901', 'x', 1)").encode())
    assert "unique index public.people_phone_key should have refused 1 key" in check("constraints", manifest).detail


def test_values_are_not_shown(house: Connection, check: Check):
    manifest = take_manifest(house)
    house.execute(behind("people_phone_key", "INSERT INTO people VALUES (301, '+91901', 'x', 1)").encode())
    assert "+91901" not in check("constraints", manifest).detail


@pytest.mark.parametrize(
    ("change", "note"),
    [
        (
            "ALTER TABLE debts DROP CONSTRAINT positive; UPDATE debts SET amount = -5 WHERE id = 2;"
            "ALTER TABLE debts ADD CONSTRAINT positive CHECK (amount > 0) NOT VALID",
            "1 row against positive (public.debts (",
        ),
        (
            "ALTER TABLE debts DROP CONSTRAINT debts_person_fkey; UPDATE debts SET person = 999 WHERE id = 2;"
            "ALTER TABLE debts ADD CONSTRAINT debts_person_fkey FOREIGN KEY (person) REFERENCES people NOT VALID",
            "leads nowhere from 1 row",
        ),
        ("ALTER TABLE debts DISABLE TRIGGER ALL", "is not enforced now: its triggers are disabled"),
        (
            "ALTER SEQUENCE tickets_id_seq MAXVALUE 45 CYCLE; SELECT setval('tickets_id_seq', 3)",
            "is not compared: it cycles",
        ),
        (
            "ALTER TABLE tickets ALTER spare SET DEFAULT nextval('tickets_id_seq') * 10",
            "the default does more than take the next number",
        ),
    ],
)
def test_what_is_not_claimed_is_told_and_fails_nothing(house: Connection, check: Check, change: str, note: str):
    house.execute(change.encode())
    result = check("constraints", take_manifest(house))
    assert result.status == "passed"
    assert note in result.detail


def test_keys_with_nulls_repeat_unless_they_may_not(house: Connection, check: Check):
    house.execute("INSERT INTO people VALUES (401, NULL, 'in', NULL), (402, NULL, 'in', NULL)")
    assert check("constraints", take_manifest(house)).status == "passed"
    house.execute("CREATE TABLE once (a int, UNIQUE NULLS NOT DISTINCT (a)); INSERT INTO once VALUES (NULL)")
    house.execute(behind("once_a_key", "INSERT INTO once VALUES (NULL)").encode())
    result = check("constraints", take_manifest(house))
    assert "unique index public.once_a_key should have refused 1 key" in result.detail


def test_many_orphans_are_counted_only_so_far(house: Connection, check: Check):
    manifest = take_manifest(house)
    house.execute(
        REPLICA.encode() + b"INSERT INTO debts (person, amount, cost) SELECT 999, 1, 1 FROM generate_series(1, 1500)"
    )
    assert "leads nowhere from more than 1000 rows" in check("constraints", manifest).detail


def test_big_tables_are_asked_in_ranges_of_blocks(
    house: Connection, check: Check, dsn: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(packing, "PART_BYTES", 8192)
    manifest = take_manifest(house)
    labels = [part.label for part in plan_checks(dsn, CheckContext(manifest=manifest), checks=["constraints"])]
    assert "public.debts from block 2" in labels
    assert "public.debts debts_person_fkey from block 2" in labels
    assert check("constraints", manifest).status == "passed"
    house.execute(REPLICA.encode() + b"DELETE FROM people WHERE id = 299")
    result = check("constraints", manifest)
    assert "public.debts debts_person_fkey leads nowhere from 1 row" in result.detail


def test_foreign_key_over_periods_is_not_passed_off_as_proven(connection: Connection, check: Check):
    connection.execute("CREATE EXTENSION btree_gist")
    connection.execute(
        "CREATE TABLE rents (id int, during daterange, PRIMARY KEY (id, during WITHOUT OVERLAPS));"
        "CREATE TABLE bills (id int, during daterange,"
        " FOREIGN KEY (id, PERIOD during) REFERENCES rents (id, PERIOD during))"
    )
    result = check("constraints", take_manifest(connection))
    assert result.status == "not_proven"
    assert "one of periods" in result.detail


def test_without_tables_there_is_nothing_to_keep(connection: Connection, check: Check):
    result = check("constraints", take_manifest(connection))
    assert result.status == "passed"
    assert "nothing that a row would have to keep" in result.detail

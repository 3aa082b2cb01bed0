"""Exports: complete, exact, read back by what is documented, and never half there."""

import csv
import json
import resource
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from device.database import encrypt
from device.errors import BackupError, NewerSchemaError, StorageError, UsageError
from device.export import HEADER, ExportFormat, export, load_json, read_csv
from device.export.errors import ExportError
from device.placing import placed
from device.schema import current_version, synthetic
from device.schema.published import PUBLISHED

CSV, JSON, SQLITE = ExportFormat.CSV, ExportFormat.JSON, ExportFormat.SQLITE
ROWS = 500
KEY = "x'" + "ab" * 32 + "'"
Change = Callable[..., None]


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "duskspendr.db"
    synthetic.create(path, transactions=ROWS)
    return path


@pytest.fixture
def change(database: Path) -> Change:
    def execute(statement: str, *values: object) -> None:
        with sqlite3.connect(database) as connection:
            connection.execute(statement, values)
        connection.close()

    return execute


@pytest.fixture
def foreign(tmp_path: Path) -> Path:
    """Another application's, with everything that SQLite can store."""
    path = tmp_path / "foreign.db"
    connection = sqlite3.connect(path)
    connection.executescript(
        """
        PRAGMA application_id = 1234;
        PRAGMA user_version = -7;
        CREATE TABLE "odd ""one"" out" ("a.b" TEXT, "sql" ANY, [group] REAL, twice AS ([group] * 2) STORED);
        CREATE TABLE counted (id INTEGER PRIMARY KEY AUTOINCREMENT, x UNIQUE);
        CREATE TABLE keyed (k TEXT PRIMARY KEY, v BLOB) WITHOUT ROWID;
        CREATE TABLE empty (x);
        CREATE INDEX by_x ON counted (x) WHERE x IS NOT NULL;
        CREATE VIEW seen AS SELECT x FROM counted;
        CREATE TRIGGER noted AFTER INSERT ON counted BEGIN INSERT INTO empty VALUES (new.x); END;
        """
    )
    odd = 'INSERT INTO "odd ""one"" out" ("a.b", "sql", [group]) VALUES (?, ?, ?)'
    connection.execute(odd, ("ünï\x00\u2028\U0001f4b8'\"\\", 2**63 - 1, 0.1))
    connection.execute(odd, ("", -(2**63), float("inf")))
    connection.execute(odd, (None, b"\x00\xff", 1e300))
    connection.execute(odd.replace("VALUES (?", "VALUES (CAST(? AS TEXT)"), (b"\xff\xfe caf\xe9", "1.0", 5.0))
    connection.executemany("INSERT INTO counted (x) VALUES (?)", [(1,), (2,), (None,)])
    connection.execute("DELETE FROM counted WHERE x = 2")
    connection.execute("DELETE FROM empty")
    connection.executemany("INSERT INTO keyed VALUES (?, ?)", [("a", b""), ("b", None)])
    connection.commit()
    connection.close()
    return path


def content(path: Path) -> dict[str, object]:
    """Everything of a database, byte for byte, and how it is stored."""
    connection = sqlite3.connect(path)
    connection.text_factory = bytes
    names = [name.decode() for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
    facts: dict[str, object] = {
        "": connection.execute("SELECT type, name, sql FROM sqlite_schema ORDER BY 2").fetchall()
    }
    for name in names:
        quoted = '"' + name.replace('"', '""') + '"'
        columns = connection.execute("SELECT name FROM pragma_table_xinfo(?)", (name,))
        types = ", ".join(f'typeof("{column.decode()}")' for (column,) in columns)
        facts[name] = sorted(connection.execute(f"SELECT *, {types} FROM {quoted}").fetchall(), key=repr)
    facts["pragmas"] = [connection.execute(f"PRAGMA {name}").fetchone() for name in ("application_id", "user_version")]
    connection.close()
    return facts


def loaded(source: Path, path: Path) -> Path:
    connection = sqlite3.connect(path, isolation_level=None)
    load_json(source, connection)
    connection.close()
    return path


def test_csv_has_the_products_header(database: Path, tmp_path: Path):
    export(database, CSV, tmp_path / "out.csv")
    first = (tmp_path / "out.csv").read_bytes().split(b"\r\n")[0]
    assert first == b"Date,Time,Type,Amount,Category,Merchant,Description,Payment Method,Source"


def test_csv_reads_back_every_transaction_to_the_paisa_and_millisecond(database: Path, tmp_path: Path):
    exported = export(database, CSV, tmp_path / "out.csv")
    connection = sqlite3.connect(database)
    expected = connection.execute(
        "SELECT occurred_at, type, amount_paisa, name, merchant, description, payment_method, source"
        " FROM transactions JOIN categories ON categories.id = category_id ORDER BY occurred_at, transactions.id"
    ).fetchall()
    found = [
        (
            round(row.occurred_at.timestamp() * 1000),
            row.type,
            row.amount_paisa,
            row.category,
            row.merchant,
            row.description,
            row.payment_method,
            row.source,
        )
        for row in read_csv(tmp_path / "out.csv")
    ]
    assert found == expected
    assert exported.rows == len(found) == ROWS


@pytest.mark.parametrize("version", sorted(PUBLISHED))
def test_csv_of_every_version_has_all_rows(tmp_path: Path, version: int):
    synthetic.create(tmp_path / "db", transactions=20, version=version)
    export(tmp_path / "db", CSV, tmp_path / "out.csv")
    rows = list(read_csv(tmp_path / "out.csv"))
    assert len(rows) == 20
    assert {row.source is None for row in rows} == {version == 1}
    assert all(row.category for row in rows)


def test_csv_times_say_their_zone(database: Path, tmp_path: Path, change: Change):
    change("DELETE FROM transactions WHERE rowid > 1")
    for milliseconds, time in ((0, "00:00:00+05:30"), (7, "00:00:00.007+05:30")):
        change("UPDATE transactions SET occurred_at = ?", 1767205800000 + milliseconds)  # 2025-12-31T18:30:00Z
        export(database, CSV, tmp_path / "out.csv", overwrite=True)
        _, row = csv.reader((tmp_path / "out.csv").open(newline=""))
        assert row[:2] == ["2026-01-01", time]
        (read,) = read_csv(tmp_path / "out.csv")
        assert read.occurred_at == datetime(2025, 12, 31, 18, 30, 0, milliseconds * 1000, UTC)


@pytest.mark.parametrize(
    ("paisa", "text"),
    [(0, "0.00"), (5, "0.05"), (-5, "-0.05"), (10, "0.10"), (123456, "1234.56"), (2**63 - 1, "92233720368547758.07")],
)
def test_csv_amounts_are_exact_decimals(database: Path, tmp_path: Path, change: Change, paisa: int, text: str):
    change("DELETE FROM transactions WHERE rowid > 1")
    change("UPDATE transactions SET amount_paisa = ?", paisa)
    export(database, CSV, tmp_path / "out.csv")
    assert [row["Amount"] for row in csv.DictReader((tmp_path / "out.csv").open(newline=""))] == [text]
    assert [row.amount_paisa for row in read_csv(tmp_path / "out.csv")] == [paisa]


@pytest.mark.parametrize(
    "text",
    [
        "=1+1",
        "+91 98",
        "-x",
        "@SUM(A1)",
        "\tx",
        "\rx",
        "'",
        "'=x",
        'a"b',
        "a,b",
        "a\nb",
        "a\r\nb",
        " x ",
        "चाय",
        "\x00",
    ],
)
def test_csv_texts_are_no_formulas_and_read_back_the_same(database: Path, tmp_path: Path, change: Change, text: str):
    change("DELETE FROM transactions WHERE rowid > 1")
    change("UPDATE transactions SET merchant = ?, description = ?", text, text)
    export(database, CSV, tmp_path / "out.csv")
    (cells,) = csv.DictReader((tmp_path / "out.csv").open(newline="", encoding="utf-8"))
    assert cells["Merchant"][0] not in "=+-@\t\r"
    (read,) = read_csv(tmp_path / "out.csv")
    assert (read.merchant, read.description) == (text, text)


@pytest.mark.parametrize("amount", [12.5, "a lot", b"1"])
def test_csv_refuses_an_amount_that_is_no_integer(database: Path, tmp_path: Path, change: Change, amount: object):
    change("UPDATE transactions SET amount_paisa = ? WHERE rowid = 100", amount)
    with pytest.raises(ExportError, match="an integer in paisa as the amount of transaction"):
        export(database, CSV, tmp_path / "out.csv")
    assert not (tmp_path / "out.csv").exists()


def test_csv_refuses_a_text_that_is_no_utf8(database: Path, tmp_path: Path, change: Change):
    change("UPDATE transactions SET merchant = CAST(? AS TEXT) WHERE rowid = 100", b"caf\xe9")
    with pytest.raises(ExportError, match=r"texts in UTF-8 in transaction \S+, found b'caf\\xe9': .* json or sqlite"):
        export(database, CSV, tmp_path / "out.csv")


@pytest.mark.parametrize("moment", [2**62, "yesterday"])
def test_csv_refuses_a_time_that_is_none(database: Path, tmp_path: Path, change: Change, moment: object):
    change("UPDATE transactions SET occurred_at = ? WHERE rowid = 100", moment)
    with pytest.raises(ExportError, match="milliseconds since 1970"):
        export(database, CSV, tmp_path / "out.csv")


def test_csv_of_another_application_is_refused(foreign: Path, tmp_path: Path):
    with pytest.raises(ExportError, match="another application's: export it as json or sqlite"):
        export(foreign, CSV, tmp_path / "out.csv")
    assert not (tmp_path / "out.csv").exists()


def test_csv_of_a_newer_version_is_refused(database: Path, tmp_path: Path, change: Change):
    change(f"PRAGMA user_version = {current_version + 1}")
    with pytest.raises(NewerSchemaError):
        export(database, CSV, tmp_path / "out.csv")


@pytest.mark.parametrize(
    ("line", "finding"),
    [
        ("2026-01-01,00:00:00,debit,1.00,a,b,c,d,e", "without its zone"),
        ("2026-01-01,00:00:00Z,debit,1.005,a,b,c,d,e", "no whole number of paisa"),
        ("2026-01-01,00:00:00Z,debit,NaN,a,b,c,d,e", "line 2"),
        ("2026-01-01,00:00:00Z,debit,1.00", "4 fields instead of 9"),
        ("yesterday,00:00:00Z,debit,1.00,a,b,c,d,e", "line 2"),
    ],
)
def test_csv_line_that_is_no_transaction_is_named(tmp_path: Path, line: str, finding: str):
    (tmp_path / "bad.csv").write_text(f"{','.join(HEADER)}\r\n{line}\r\n")
    with pytest.raises(ExportError, match=finding):
        list(read_csv(tmp_path / "bad.csv"))


def test_csv_with_another_header_is_refused(tmp_path: Path):
    (tmp_path / "bad.csv").write_text("Date,Amount\r\n")
    with pytest.raises(ExportError, match="found Date,Amount"):
        list(read_csv(tmp_path / "bad.csv"))


def test_json_loads_back_into_the_same_database(database: Path, tmp_path: Path):
    exported = export(database, JSON, tmp_path / "out.json")
    assert content(loaded(tmp_path / "out.json", tmp_path / "back.db")) == content(database)
    assert exported.rows == ROWS + 5 + 8 + 8


def test_json_of_any_database_keeps_every_value_and_its_type(foreign: Path, tmp_path: Path):
    export(foreign, JSON, tmp_path / "out.json")
    assert content(loaded(tmp_path / "out.json", tmp_path / "back.db")) == content(foreign)


def test_json_is_json_and_says_what_it_is(database: Path, tmp_path: Path):
    export(database, JSON, tmp_path / "out.json")
    document = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))
    assert (document["format"], document["format_version"]) == ("duskspendr-export", 1)
    assert (document["schema_version"], document["user_version"]) == (current_version, current_version)
    rows = {table["name"]: len(table["rows"]) for table in document["tables"]}
    assert rows == {"accounts": 5, "categories": 8, "transactions": ROWS, "budgets": 8}
    assert isinstance(document["tables"][2]["rows"][0]["amount_paisa"], int)


def test_json_of_an_empty_database_loads_too(tmp_path: Path):
    sqlite3.connect(tmp_path / "empty.db").execute("CREATE TABLE t (x)").connection.close()
    export(tmp_path / "empty.db", JSON, tmp_path / "out.json")
    assert content(loaded(tmp_path / "out.json", tmp_path / "back.db")) == content(tmp_path / "empty.db")


def test_json_refuses_virtual_tables(foreign: Path, tmp_path: Path):
    sqlite3.connect(foreign).execute("CREATE VIRTUAL TABLE search USING fts5(x)").connection.close()
    with pytest.raises(ExportError, match=r"the virtual table search, .*: export it as sqlite"):
        export(foreign, JSON, tmp_path / "out.json")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"format": "other", "format_version": 1, "tables": []}',
        '{"format": "duskspendr-export", "format_version": 2, "tables": []}',
        '{"format": "duskspendr-export", "format_version": 1, "tables": [{"name": "t", "sql": "ATTACH \'x\' AS y"',
        '{"format": "duskspendr-export", "format_version": 1, "objects": [{"sql": "DROP TABLE t"}]}',
    ],
)
def test_json_that_is_no_export_changes_nothing(tmp_path: Path, text: str):
    (tmp_path / "bad.json").write_text(text)
    connection = sqlite3.connect(tmp_path / "db", isolation_level=None)
    with pytest.raises(ExportError):
        load_json(tmp_path / "bad.json", connection)
    assert not connection.in_transaction
    assert connection.execute("SELECT count(*) FROM sqlite_schema").fetchone() == (0,)


def test_json_that_was_cut_changes_nothing(database: Path, tmp_path: Path):
    export(database, JSON, tmp_path / "out.json")
    text = (tmp_path / "out.json").read_bytes()
    connection = sqlite3.connect(tmp_path / "back.db", isolation_level=None)
    for end in range(0, len(text), len(text) // 20):
        (tmp_path / "cut.json").write_bytes(text[:end])
        with pytest.raises(ExportError):
            load_json(tmp_path / "cut.json", connection)
    assert connection.execute("SELECT count(*) FROM sqlite_schema").fetchone() == (0,)


def test_sqlite_is_a_sound_database_with_the_same_content(foreign: Path, tmp_path: Path):
    export(foreign, SQLITE, tmp_path / "out.db")
    assert content(tmp_path / "out.db") == content(foreign)
    assert sqlite3.connect(tmp_path / "out.db").execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def test_sqlite_holds_nothing_that_was_deleted(database: Path, tmp_path: Path):
    with sqlite3.connect(database) as connection:
        connection.execute("PRAGMA secure_delete = OFF")
        connection.execute("UPDATE transactions SET description = 'a secret of old' WHERE rowid = 3")
        connection.execute("DELETE FROM transactions WHERE rowid = 3")
    export(database, SQLITE, tmp_path / "out.db")
    assert b"a secret of old" in database.read_bytes()
    assert b"a secret of old" not in (tmp_path / "out.db").read_bytes()


@pytest.mark.parametrize("form", list(ExportFormat))
def test_encrypted_database_is_exported_in_the_clear(database: Path, tmp_path: Path, form: ExportFormat):
    encrypted = tmp_path / "encrypted.db"
    encrypt(database, encrypted, KEY)
    for source, name, key in ((database, "plain", None), (encrypted, "secret", KEY)):
        export(source, form, tmp_path / f"{name}.{form}", key=key)
    plain, secret = tmp_path / f"plain.{form}", tmp_path / f"secret.{form}"
    match form:
        case ExportFormat.CSV:
            assert plain.read_bytes() == secret.read_bytes()
        case ExportFormat.JSON:
            assert json.loads(plain.read_text())["tables"] == json.loads(secret.read_text())["tables"]
        case ExportFormat.SQLITE:
            assert content(plain) == content(secret)


@pytest.mark.parametrize("form", list(ExportFormat))
def test_export_is_readable_by_its_owner_alone(database: Path, tmp_path: Path, form: ExportFormat):
    export(database, form, tmp_path / "out")
    assert (tmp_path / "out").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("form", list(ExportFormat))
def test_export_never_takes_the_place_of_a_file_unasked(database: Path, tmp_path: Path, form: ExportFormat):
    (tmp_path / "out").write_text("mine")
    with pytest.raises(UsageError, match="found a file"):
        export(database, form, tmp_path / "out")
    assert (tmp_path / "out").read_text() == "mine"
    exported = export(database, form, tmp_path / "out", overwrite=True)
    assert (tmp_path / "out").stat().st_size == exported.size > 1000


@pytest.mark.parametrize("suffix", ["", "-wal", "-shm"])
def test_export_never_takes_the_place_of_the_database(database: Path, change: Change, suffix: str):
    change("PRAGMA journal_mode = WAL")
    held = sqlite3.connect(database)
    held.execute("SELECT * FROM accounts").fetchone()
    before = content(database)
    with pytest.raises(UsageError, match="itself"):
        export(database, SQLITE, database.with_name(database.name + suffix), overwrite=True)
    assert content(database) == before
    held.close()


@pytest.mark.parametrize("form", list(ExportFormat))
def test_full_storage_leaves_nothing(database: Path, tmp_path: Path, form: ExportFormat):
    """A limit on the size of files stands in for it."""
    into = tmp_path / "into"
    into.mkdir()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
    try:
        with pytest.raises((BackupError, OSError)):
            export(database, form, into / "out")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert list(into.iterdir()) == []


def test_export_that_was_killed_leaves_nothing_behind_the_next(database: Path, tmp_path: Path):
    """A part of it would be somebody's transactions in the clear."""
    into = tmp_path / "into"
    into.mkdir()
    program = (
        "import os, signal; from pathlib import Path; from device.export import ExportFormat, export\n"
        f"kill = lambda rows: os.kill(os.getpid(), signal.SIGKILL)\n"
        f"export(Path({str(database)!r}), ExportFormat.JSON, Path({str(into / 'out')!r}), progress=kill)"
    )
    synthetic.create(tmp_path / "large.db", transactions=10_000)
    killed = subprocess.run(
        [sys.executable, "-c", program.replace(str(database), str(tmp_path / "large.db"))], check=False
    )
    assert killed.returncode == -signal.SIGKILL
    assert [path.name for path in into.iterdir()] != ["out"]
    assert len(list(into.iterdir())) == 1
    export(database, JSON, into / "out")
    assert [path.name for path in into.iterdir()] == ["out"]


@pytest.mark.parametrize("form", list(ExportFormat))
def test_export_is_of_one_instant_beside_a_writer(database: Path, tmp_path: Path, change: Change, form: ExportFormat):
    """The writer keeps two sums, one in a table and one across two; an export of two instants would not."""
    change("PRAGMA journal_mode = WAL")
    ended = threading.Event()

    def write() -> None:
        connection = sqlite3.connect(database, isolation_level=None)
        while not ended.is_set():
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("UPDATE transactions SET amount_paisa = amount_paisa + 1 WHERE rowid = 1")
            connection.execute("UPDATE transactions SET amount_paisa = amount_paisa - 1 WHERE rowid = 500")
            connection.execute("UPDATE accounts SET balance_paisa = balance_paisa + 1 WHERE rowid = 1")
            connection.execute("UPDATE budgets SET limit_paisa = limit_paisa - 1 WHERE rowid = 1")
            connection.execute("COMMIT")
        connection.close()

    export(database, form, tmp_path / "before.out")
    before = _sums(tmp_path / "before.out", form)
    writer = threading.Thread(target=write)
    writer.start()
    try:
        for number in range(5):
            out = tmp_path / f"{number}.out"
            export(database, form, out)
            assert _sums(out, form) == before
    finally:
        ended.set()
        writer.join()


def _sums(path: Path, form: ExportFormat) -> list[int]:
    match form:
        case ExportFormat.CSV:
            return [sum(row.amount_paisa for row in read_csv(path))]
        case ExportFormat.JSON:
            rows = {table["name"]: table["rows"] for table in json.loads(path.read_text())["tables"]}
            balances = sum(row["balance_paisa"] for row in rows["accounts"])
            limits = sum(row["limit_paisa"] for row in rows["budgets"])
            return [sum(row["amount_paisa"] for row in rows["transactions"]), balances + limits]
        case ExportFormat.SQLITE:
            connection = sqlite3.connect(path)
            (amounts,) = connection.execute("SELECT sum(amount_paisa) FROM transactions").fetchone()
            (balances,) = connection.execute("SELECT sum(balance_paisa) FROM accounts").fetchone()
            (limits,) = connection.execute("SELECT sum(limit_paisa) FROM budgets").fetchone()
            return [amounts, balances + limits]


def test_file_that_appears_meanwhile_stays(tmp_path: Path):
    def write_beside_another() -> None:
        with placed(tmp_path / "out") as partial:
            partial.write_text("ours")
            (tmp_path / "out").write_text("theirs")

    with pytest.raises(UsageError, match="found a file"):
        write_beside_another()
    assert (tmp_path / "out").read_text() == "theirs"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_missing_database_is_told(tmp_path: Path):
    with pytest.raises(StorageError, match="expected a database, found none at"):
        export(tmp_path / "none.db", JSON, tmp_path / "out")


def test_folder_that_is_missing_is_told(database: Path, tmp_path: Path):
    with pytest.raises(UsageError, match="an existing folder, found none at"):
        export(database, JSON, tmp_path / "none" / "out")

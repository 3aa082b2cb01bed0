"""``dr``: what an engineer sees, and what a script can rely on."""

import json
import os
import pty
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from typer.testing import CliRunner, Result

from lab.postgres import Cluster
from operations.cli import app
from recovery import settling
from recovery.checks import CHECKS, Outcome
from recovery.database import Connection, connect
from recovery.manifest import Manifest

Dr = Callable[..., Result]


@pytest.fixture(autouse=True)
def no_clock_allowance(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settling, "CLOCK_ALLOWANCE", timedelta(0))


@pytest.fixture
def dr() -> Dr:
    def run(*arguments: str) -> Result:
        result = CliRunner().invoke(app, list(arguments))
        assert "Traceback" not in result.output
        return result

    return run


@pytest.fixture
def database(dsn: str) -> Iterator[Connection]:
    with connect(dsn, application_name="test") as connection:
        connection.execute("CREATE TABLE notes (id int PRIMARY KEY, body text, updated_at timestamptz NOT NULL)")
        connection.execute(
            "INSERT INTO notes SELECT n, 'note ' || n, now() - interval '1 day' FROM generate_series(1, 50) n"
        )
        yield connection


@pytest.fixture
def recorded(dr: Dr, database: Connection, dsn: str, tmp_path: Path) -> Path:
    """The manifest of a bootstrapped database."""
    del database
    path = tmp_path / "manifest.json"
    assert dr("bootstrap", "--dsn", dsn).exit_code == 0
    assert dr("manifest", "--dsn", dsn, "--out", str(path)).exit_code == 0
    return path


def error_of(result: Result) -> str:
    """The one line that says what went wrong."""
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    assert line.startswith("error: ")
    return line


def test_bootstrap_tells_what_it_created_and_then_that_nothing_is_left(dr: Dr, dsn: str):
    first, second = dr("bootstrap", "--dsn", dsn), dr("bootstrap", "--dsn", dsn)
    assert (first.exit_code, second.exit_code) == (0, 0)
    assert "created table continuity.heartbeat" in first.stdout
    assert "everything was in place" in second.stdout


def test_heartbeat_counts_on(dr: Dr, dsn: str):
    dr("bootstrap", "--dsn", dsn)
    assert json.loads(dr("heartbeat", "--dsn", dsn, "--json").stdout)["sequence"] == 2
    assert dr("heartbeat", "--dsn", dsn).stdout.startswith("heartbeat 3 written at ")


def test_heartbeat_before_bootstrap_says_what_to_do(dr: Dr, dsn: str):
    assert "run `dr bootstrap` on this database first" in error_of(dr("heartbeat", "--dsn", dsn))


def test_manifest_is_written_and_summed_up(dr: Dr, recorded: Path, dsn: str):
    manifest = Manifest.model_validate_json(recorded.read_bytes())
    assert manifest.tables[0].layout.label == "public.notes"
    facts = json.loads(dr("manifest", "--dsn", dsn, "--out", str(recorded), "--json").stdout)
    assert (facts["rows"], facts["settled_rows"], facts["tables"]) == (50, 50, 1)
    assert sorted(path.name for path in recorded.parent.iterdir()) == ["manifest.json"]


@pytest.mark.usefixtures("database")
def test_tables_that_may_lose_rows_are_given_by_name(dr: Dr, dsn: str, tmp_path: Path):
    path = str(tmp_path / "m.json")
    assert dr("manifest", "--dsn", dsn, "--out", path, "--may-lose-rows", "public.notes").exit_code == 0
    assert Manifest.model_validate_json(Path(path).read_bytes()).tables[0].may_lose_rows


@pytest.mark.usefixtures("database")
def test_unknown_table_leaves_no_manifest_behind(dr: Dr, dsn: str, tmp_path: Path):
    path = tmp_path / "m.json"
    error = error_of(dr("manifest", "--dsn", dsn, "--out", str(path), "--may-lose-rows", "public.nots"))
    assert "found public.nots: the database has public.notes" in error
    assert list(tmp_path.iterdir()) == []


def test_failed_manifest_keeps_the_one_before(dr: Dr, recorded: Path, dsn: str):
    before = recorded.read_bytes()
    error_of(dr("manifest", "--dsn", make_conninfo(dsn, port=1), "--out", str(recorded)))
    assert recorded.read_bytes() == before


@pytest.mark.parametrize(("out", "finding"), [("none/m.json", "expected an existing folder"), (".", "something else")])
def test_place_that_cannot_be_written_is_told_before_the_work(dr: Dr, dsn: str, tmp_path: Path, out: str, finding: str):
    assert finding in error_of(dr("manifest", "--dsn", dsn, "--out", str(tmp_path / out)))


def test_intact_copy_verifies(dr: Dr, recorded: Path, dsn: str):
    result = dr("verify", "--dsn", dsn, "--manifest", str(recorded))
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines()[-1] == "PASS"
    assert "50 of the manifest's 50 rows in 1 table proven to the bit" in result.stdout


def test_one_flipped_row_fails_with_status_1(dr: Dr, recorded: Path, database: Connection, dsn: str):
    database.execute("UPDATE notes SET body = 'Note 7' WHERE id = 7")
    result = dr("verify", "--dsn", dsn, "--manifest", str(recorded))
    assert result.exit_code == 1
    assert "FAIL       content     table public.notes" in result.stdout


def test_finding_is_narrowed_to_rows_of_the_source(dr: Dr, recorded: Path, database: Connection, dsn: str):
    # The source stands in for its own damaged copy.
    database.execute("DELETE FROM notes WHERE id = 7")
    result = dr("verify", "--dsn", dsn, "--manifest", str(recorded), "--explain", dsn)
    assert result.exit_code == 1
    assert "public.notes: 1 faulty bucket; copy and source agree by now" in result.stdout


def test_rows_that_differ_are_named_by_key_and_column(
    dr: Dr, recorded: Path, database: Connection, cluster: Cluster, dsn: str
):
    database.close()
    name = str(conninfo_to_dict(dsn)["dbname"])
    with cluster.connect() as admin:
        admin.execute(f"CREATE DATABASE {name}_source TEMPLATE {name}".encode())
    source = make_conninfo(dsn, dbname=f"{name}_source")
    with connect(dsn, application_name="test") as copy:
        copy.execute("UPDATE notes SET body = 'Note 7' WHERE id = 7")
    options = ("verify", "--dsn", dsn, "--manifest", str(recorded), "--explain", source)
    assert "  changed (id) = (7) in body" in dr(*options).stdout.splitlines()
    (table,) = json.loads(dr(*options, "--json").stdout)["differences"]
    assert table["rows"] == [{"kind": "changed", "key": ["7"], "columns": ["body"]}]
    with cluster.connect() as admin:
        admin.execute(f"DROP DATABASE {name}_source WITH (FORCE)".encode())


def test_own_questions_are_asked_besides(dr: Dr, recorded: Path, dsn: str, tmp_path: Path):
    folder = tmp_path / "questions"
    folder.mkdir()
    (folder / "notes_short.sql").write_text(
        "-- No note is long.\n-- Needs: public.notes (id, body)\n-- Shows: id\n-- Means: Too long.\n-- Do: Cut it.\n"
        "SELECT id FROM public.notes WHERE length(body) > 6\n"
    )
    result = dr("verify", "--dsn", dsn, "--manifest", str(recorded), "--invariants", str(folder))
    assert result.exit_code == 1
    assert "notes_short.sql: No note is long. But 41 rows do not (id 10; id 11; id 12; …)" in result.stdout


def test_folder_of_questions_that_is_none_is_one_error(dr: Dr, recorded: Path, dsn: str, tmp_path: Path):
    missing = tmp_path / "nowhere"
    error = error_of(dr("verify", "--dsn", dsn, "--manifest", str(recorded), "--invariants", str(missing)))
    assert f"expected a folder of .sql files at {missing}, found none" in error


def test_portable_manifest_says_so(dr: Dr, database: Connection, dsn: str, tmp_path: Path):
    del database
    path = tmp_path / "portable.json"
    assert dr("manifest", "--dsn", dsn, "--out", str(path), "--portable").exit_code == 0
    assert json.loads(path.read_text())["algorithm"] == "md5/1"


def test_json_says_the_same(dr: Dr, recorded: Path, database: Connection, dsn: str):
    facts = json.loads(dr("verify", "--dsn", dsn, "--manifest", str(recorded), "--json").stdout)
    assert facts["verdict"] == "PASS"
    assert [check["name"] for check in facts["checks"]] == list(CHECKS)
    assert facts["rpo_target_seconds"] == 3600
    assert 0 < facts["rpo_measured_seconds"] < 60
    database.execute("DROP TABLE notes")
    result = dr("verify", "--dsn", dsn, "--manifest", str(recorded), "--json")
    assert (result.exit_code, json.loads(result.stdout)["verdict"]) == (1, "FAIL")


def test_what_could_not_be_verified_is_status_2(dr: Dr, recorded: Path, database: Connection, dsn: str):
    database.execute("CREATE ROLE stranger LOGIN PASSWORD 'x'")
    try:
        result = dr("verify", "--dsn", make_conninfo(dsn, user="stranger", password="x"), "--manifest", str(recorded))
    finally:
        database.execute("DROP ROLE stranger")
    assert result.exit_code == 2
    assert result.stdout.splitlines()[-1] == "NOT_PROVEN"


def test_rpo_and_disaster_time_decide(dr: Dr, recorded: Path, dsn: str):
    arguments = ("verify", "--dsn", dsn, "--manifest", str(recorded))
    assert dr(*arguments, "--rpo-seconds", "0").exit_code == 1
    assert dr(*arguments, "--disaster-time", "2020-01-01T00:00:00Z").exit_code == 1
    assert dr(*arguments, "--rpo-seconds", "-1").exit_code == 2


@pytest.mark.parametrize(
    ("time", "finding"),
    [
        ("yesterday", "expected an ISO 8601 time, found 'yesterday'"),
        ("2026-01-01T00:00:00", "expected a time with its zone"),
        ("2999-01-01T00:00:00Z", "expected a time in the past"),
    ],
)
def test_disaster_time_that_makes_no_sense_is_refused(dr: Dr, recorded: Path, dsn: str, time: str, finding: str):
    result = dr("verify", "--dsn", dsn, "--manifest", str(recorded), "--disaster-time", time)
    assert finding in error_of(result)


@pytest.mark.parametrize("content", ["", "{}", "not json", '{"format": 1}', "[]"])
def test_file_that_is_no_manifest_is_refused(dr: Dr, dsn: str, tmp_path: Path, content: str):
    path = tmp_path / "m.json"
    path.write_text(content)
    error = error_of(dr("verify", "--dsn", dsn, "--manifest", str(path)))
    assert f"expected a manifest in {path}" in error
    assert "take one with `dr manifest`" in error


def test_missing_manifest_is_refused(dr: Dr, dsn: str, tmp_path: Path):
    assert "No such file" in error_of(dr("verify", "--dsn", dsn, "--manifest", str(tmp_path / "none")))


@pytest.mark.parametrize("command", ["bootstrap", "heartbeat"])
@pytest.mark.parametrize(
    "dsn",
    [
        "postgresql://u:geheim@127.0.0.1:1/d",
        "geheim",
        "host=127.0.0.1 port=1 password=geheim",
    ],  # pragma: allowlist secret
)
def test_dsn_that_leads_nowhere_is_one_error_without_the_password(dr: Dr, command: str, dsn: str):
    assert "geheim" not in error_of(dr(command, "--dsn", dsn))


def test_unreachable_database_is_one_error_of_verify_too(dr: Dr, recorded: Path, dsn: str):
    result = dr("verify", "--dsn", make_conninfo(dsn, port=1), "--manifest", str(recorded))
    assert "port 1" in error_of(result)


def test_error_is_json_where_json_was_asked_for(dr: Dr):
    result = dr("heartbeat", "--dsn", "host=127.0.0.1 port=1", "--json")
    assert (result.exit_code, result.stderr) == (2, "")
    assert "port 1" in json.loads(result.stdout)["error"]


def test_replica_and_lack_of_rights_are_explained(dr: Dr, database: Connection, dsn: str):
    dr("bootstrap", "--dsn", dsn)
    read_only = make_conninfo(dsn, options="-c default_transaction_read_only=on")
    assert "use the primary's DSN" in error_of(dr("heartbeat", "--dsn", read_only))
    database.execute("CREATE ROLE stranger LOGIN PASSWORD 'x'")
    try:
        error = error_of(dr("heartbeat", "--dsn", make_conninfo(dsn, user="stranger", password="x")))
    finally:
        database.execute("DROP ROLE stranger")
    assert "permission denied" in error


def test_defect_of_ours_never_reads_like_a_failed_proof(
    dr: Dr, recorded: Path, dsn: str, monkeypatch: pytest.MonkeyPatch
):
    def broken(*_: Any, **__: Any) -> Any:
        raise KeyError("oops")

    monkeypatch.setattr("operations.proof.run_checks", broken)
    assert "dr itself broke" in error_of(dr("verify", "--dsn", dsn, "--manifest", str(recorded)))


def test_version_and_help_are_readable(dr: Dr):
    assert dr("--version").stdout.strip() == "dr 0.1.0"
    for command in ([], ["bootstrap"], ["heartbeat"], ["manifest"], ["verify"]):
        result = dr(*command, "--help")
        assert result.exit_code == 0
        assert "Usage" in result.stdout


def test_missing_option_is_status_2(dr: Dr):
    assert dr("verify").exit_code == 2


def test_environment_of_libpq_serves_an_empty_dsn(dr: Dr, dsn: str, monkeypatch: pytest.MonkeyPatch):
    parts = conninfo_to_dict(dsn)
    for variable, name in {"PGHOST": "host", "PGPORT": "port", "PGDATABASE": "dbname", "PGUSER": "user"}.items():
        monkeypatch.setenv(variable, str(parts[name]))
    monkeypatch.setenv("PGPASSWORD", str(parts["password"]))
    assert dr("bootstrap", "--dsn", "").exit_code == 0


def run_on_a_terminal(arguments: list[str], **environment: str) -> str:
    """What a person would see: standard output and error are one pseudo-terminal."""
    parent, child = pty.openpty()
    variables = {name: value for name, value in os.environ.items() if name not in {"NO_COLOR", "FORCE_COLOR"}}
    process = subprocess.Popen(
        [sys.executable, "-c", "from operations.cli import app; app()", *arguments],
        stdout=child,
        stderr=child,
        stdin=subprocess.DEVNULL,
        env=variables | {"TERM": "xterm-256color"} | environment,
        cwd=Path(__file__).parents[2],
    )
    os.close(child)
    seen = b""
    while True:
        try:
            chunk = os.read(parent, 4096)
        except OSError:  # Linux's end of file of a terminal whose other side is closed
            break
        if not chunk:
            break
        seen += chunk
    os.close(parent)
    process.wait(30)
    return seen.decode()


def test_terminal_shows_progress_and_colour_unless_no_color_is_set(recorded: Path, dsn: str):
    arguments = ["verify", "--dsn", dsn, "--manifest", str(recorded)]
    colourful, plain = run_on_a_terminal(arguments), run_on_a_terminal(arguments, NO_COLOR="1")
    assert "verifying" in colourful
    assert "\x1b[32mPASS" in colourful
    assert "\x1b[32m" not in plain
    assert "PASS" in plain


def test_optional_check_that_is_not_proven_is_excused_and_named(
    dr: Dr, recorded: Path, dsn: str, monkeypatch: pytest.MonkeyPatch
):
    broken = replace(CHECKS["identity"], run=_unable)
    monkeypatch.setitem(CHECKS, "identity", broken)
    refused = dr("verify", "--dsn", dsn, "--manifest", str(recorded))
    excused = dr("verify", "--dsn", dsn, "--manifest", str(recorded), "--optional", "identity")
    assert (refused.exit_code, excused.exit_code) == (2, 0), excused.output
    assert "identity is optional: not proven, and excused" in excused.stdout


def test_optional_check_that_fails_fails(dr: Dr, recorded: Path, database: Connection, dsn: str):
    database.execute("DROP TABLE notes")
    result = dr("verify", "--dsn", dsn, "--manifest", str(recorded), "--optional", "schema", "--optional", "content")
    assert result.exit_code == 1


def test_optional_check_of_an_unknown_name_is_refused(dr: Dr, recorded: Path, dsn: str):
    error = error_of(dr("verify", "--dsn", dsn, "--manifest", str(recorded), "--optional", "contents"))
    assert "expected names of checks (identity, " in error


def _unable(*_: object) -> Outcome:
    raise RuntimeError("no rights to look")


@pytest.mark.parametrize(
    "words",
    [
        ("status", "--environmnt", "prod"),
        ("statsu",),
        ("migrate", "plan", "--source", "host=a"),
        ("drill", "record", "--environment"),
    ],
)
def test_a_command_line_that_is_wrong_answers_a_script_in_json(dr: Dr, words: tuple[str, ...]):
    result = dr(*words, "--json")
    assert result.exit_code == 2
    assert list(json.loads(result.stdout)) == ["error"]
    assert result.stderr == ""


def test_help_and_results_are_as_ever_beside_json(dr: Dr):
    shown = dr("status", "--json", "--help")
    assert shown.exit_code == 0
    assert "Usage:" in shown.output

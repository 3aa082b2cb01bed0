"""Storage: pages and indexes are what they claim to be."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from psycopg.conninfo import make_conninfo
from psycopg.sql import SQL, Identifier

from lab.postgres import Cluster
from recovery.bootstrap import VERIFIER_ROLE, bootstrap
from recovery.check_results import CheckResult
from recovery.checks import CheckContext, packing
from recovery.database import Connection, connect, row, rows
from recovery.manifest import Manifest
from recovery.manifest_taking import take_manifest
from recovery.verification import plan_checks, run_part
from tests.recovery.checking import run_check_at

Check = Callable[..., CheckResult]
Corrupt = Callable[..., None]

BLOCK = 8192
# Where in a heap row its header's length is, and where in an entry of an index its key begins.
HEADER_LENGTH, INDEX_KEY = 22, 8

FILES = """
CREATE TABLE papers (id int PRIMARY KEY, body text NOT NULL, tags jsonb NOT NULL DEFAULT '[]');
ALTER TABLE papers ALTER body SET STORAGE EXTERNAL;
INSERT INTO papers SELECT n, 'paper ' || n FROM generate_series(1, 3000) n;
INSERT INTO papers VALUES (0, repeat('long ', 2000));
CREATE INDEX papers_body ON papers (left(body, 20));
CREATE INDEX papers_tags ON papers USING gin (tags);
CREATE INDEX papers_hash ON papers USING hash (id);
CHECKPOINT;
"""


@pytest.fixture
def papers(connection: Connection) -> Connection:
    """A database that is bootstrapped and has a table with TOAST and indexes of three kinds."""
    bootstrap(connection)
    connection.execute(FILES.encode())
    return connection


@pytest.fixture
def manifest(papers: Connection) -> Manifest:
    return take_manifest(papers)


@pytest.fixture
def corrupt(papers: Connection, cluster: Cluster) -> Callable[..., None]:
    """Write over an item of a page in its file, the checksum left as it was."""
    papers.execute("CREATE EXTENSION pg_buffercache")

    def write(relation: str, *, block: int, item: int = 1, at: int, data: bytes) -> None:
        path = row(papers, "SELECT pg_relation_filepath(%s::regclass) AS path", (relation,))["path"]
        # Nothing of the page may be left in the server's own memory.
        papers.execute(SQL("SELECT pg_buffercache_evict_relation(%s::regclass)"), (relation,))
        with (cluster.data / path).open("r+b") as file:
            file.seek(block * BLOCK + 24 + 4 * (item - 1))  # the line pointers follow the page's header of 24 bytes
            offset = int.from_bytes(file.read(4), "little") & 0x7FFF
            file.seek(block * BLOCK + offset + at)
            file.write(data)

    return write


@pytest.fixture
def without_checksums(papers: Connection) -> Iterator[None]:
    """As if the damage had been done above the checksums: by a fault of the server, or its memory."""
    name = Identifier(papers.info.dbname)
    papers.execute(SQL("ALTER DATABASE {} SET ignore_checksum_failure = on").format(name))
    yield
    papers.execute(SQL("ALTER DATABASE {} RESET ignore_checksum_failure").format(name))


def test_sound_files_pass_and_tell_what_was_read(manifest: Manifest, check: Check):
    result = check("storage", manifest)
    assert result.status == "passed", result.detail
    assert "no damage in" in result.detail
    assert "amcheck does not cover: index of type hash (1)" in result.detail
    # The catalogs' own are among them.
    assert float(result.measurements["btrees"] or 0) > 100


def test_verifier_may_use_amcheck(manifest: Manifest, dsn: str):
    verifier = make_conninfo(dsn, user=VERIFIER_ROLE, password="")
    result = run_check_at(verifier, "storage", CheckContext(manifest=manifest))
    assert result.status == "passed", result.detail


def test_parents_of_btrees_may_be_checked_by_the_verifier(manifest: Manifest, dsn: str):
    verifier = make_conninfo(dsn, user=VERIFIER_ROLE, password="")
    context = CheckContext(manifest=manifest, restore_started_at=datetime.now(UTC))
    assert run_check_at(verifier, "storage", context).status == "passed"


@pytest.mark.usefixtures("without_checksums")
def test_parent_that_leads_past_its_children_is_found_where_nobody_writes(
    manifest: Manifest, check: Check, corrupt: Corrupt
):
    # The root's second entry says where its second leaf begins: at 367, not at 300.
    corrupt("papers_pkey", block=3, item=2, at=INDEX_KEY, data=(300).to_bytes(4, "little"))
    assert check("storage", manifest).status == "passed"
    result = check("storage", manifest, restore_started_at=datetime.now(UTC))
    assert result.status == "failed"
    assert "B-tree public.papers_pkey" in result.detail


def test_writer_that_will_not_yield_is_no_reason_to_prove_nothing(
    manifest: Manifest, dsn: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("recovery.checks.storage._LOCK_TIMEOUT", "1ms")
    with connect(dsn, application_name="writer") as writer, writer.transaction():
        writer.execute("INSERT INTO papers VALUES (-1, 'x')")
        context = CheckContext(manifest=manifest, restore_started_at=datetime.now(UTC))
        result = run_check_at(dsn, "storage", context)
    assert result.status == "passed", result.detail


def test_page_that_fails_its_checksum_is_found(manifest: Manifest, check: Check, corrupt: Corrupt):
    corrupt("papers", block=3, at=HEADER_LENGTH, data=b"\xff")
    result = check("storage", manifest)
    assert result.status == "failed"
    assert "table public.papers: invalid page in block 3" in result.detail


@pytest.mark.usefixtures("without_checksums")
def test_heap_row_that_makes_no_sense_is_found(manifest: Manifest, check: Check, corrupt: Corrupt):
    corrupt("papers", block=2, item=7, at=HEADER_LENGTH, data=b"\xff")
    result = check("storage", manifest)
    assert result.status == "failed"
    assert "table public.papers: block 2, row 7: data begins" in result.detail


@pytest.mark.usefixtures("without_checksums")
def test_index_out_of_order_is_found(manifest: Manifest, check: Check, corrupt: Corrupt):
    corrupt("papers_pkey", block=1, item=9, at=INDEX_KEY, data=b"\xff\xff\xff\x7f")
    result = check("storage", manifest)
    assert result.status == "failed"
    assert "B-tree public.papers_pkey" in result.detail


def test_index_that_misses_a_row_is_found(papers: Connection, manifest: Manifest, check: Check):
    papers.execute("UPDATE pg_index SET indisready = false WHERE indexrelid = 'papers_body'::regclass")
    papers.execute("INSERT INTO papers VALUES (-5, 'unseen')")
    papers.execute("UPDATE pg_index SET indisready = true WHERE indexrelid = 'papers_body'::regclass")
    result = check("storage", manifest)
    assert result.status == "failed"
    assert "lacks matching index tuple within index" in result.detail
    assert "unseen" not in result.detail


@pytest.mark.usefixtures("without_checksums")
def test_lost_chunk_of_a_long_value_is_found(papers: Connection, manifest: Manifest, check: Check, corrupt: Corrupt):
    toast = row(papers, "SELECT reltoastrelid::regclass::text AS name FROM pg_class WHERE relname = 'papers'")["name"]
    # The row's flags: written by a transaction that was rolled back.
    corrupt(toast, block=0, item=2, at=20, data=b"\x02\x0a")
    result = check("storage", manifest)
    assert result.status == "failed"
    assert "toast value" in result.detail


def test_truncated_file_is_found(papers: Connection, manifest: Manifest, check: Check, cluster: Cluster):
    papers.execute("ANALYZE papers")
    path = row(papers, "SELECT pg_relation_filepath('papers') AS path")["path"]
    papers.execute("CREATE EXTENSION pg_buffercache")
    papers.execute("SELECT pg_buffercache_evict_relation('papers')")
    with (cluster.data / path).open("r+b") as file:
        file.truncate(BLOCK)
    result = check("storage", manifest)
    assert result.status == "failed"
    assert "table public.papers: has 1 blocks" in result.detail


def test_empty_blocks_that_were_counted_may_be_gone(papers: Connection, manifest: Manifest, check: Check):
    """A file grows by empty blocks without a log record: a restore does not have those at its end."""
    papers.execute("SELECT pg_restore_relation_stats('schemaname', 'public', 'relname', 'papers', 'relpages', 9000)")
    assert check("storage", manifest).status == "passed"


def test_counts_of_other_files_say_nothing_of_a_logical_copy(papers: Connection, manifest: Manifest, check: Check):
    papers.execute(
        "SELECT pg_restore_relation_stats('schemaname', 'public', 'relname', 'papers', 'reltuples', 9e6::real)"
    )
    assert check("storage", manifest).status == "failed"
    another = manifest.database.model_copy(update={"system_identifier": "1"})
    assert check("storage", manifest.model_copy(update={"database": another})).status == "passed"


@pytest.mark.usefixtures("without_checksums")
def test_damaged_sequence_is_found(papers: Connection, check: Check, corrupt: Corrupt):
    papers.execute("CREATE SEQUENCE numbers")
    corrupt("numbers", block=0, at=HEADER_LENGTH, data=b"\xff")
    result = check("storage", take_manifest(papers))
    assert result.status == "failed"
    assert "public.numbers: block 0" in result.detail


def test_vacuum_that_shortens_a_table_is_no_damage(papers: Connection, manifest: Manifest, check: Check):
    papers.execute("ANALYZE papers")
    papers.execute("DELETE FROM papers WHERE id > 100")
    papers.execute("VACUUM papers")
    assert check("storage", manifest).status == "passed"


def test_missing_file_is_found(papers: Connection, manifest: Manifest, check: Check, cluster: Cluster):
    path = row(papers, "SELECT pg_relation_filepath('papers_body') AS path")["path"]
    Path(cluster.data / path).unlink()
    result = check("storage", manifest)
    assert result.status == "failed"
    assert "B-tree public.papers_body" in result.detail


def test_invalid_index_is_found(papers: Connection, manifest: Manifest, check: Check):
    papers.execute("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'papers_hash'::regclass")
    result = check("storage", manifest)
    assert result.status == "failed"
    assert "index public.papers_hash of public.papers is invalid: REINDEX" in result.detail


def test_without_amcheck_nothing_is_proven(papers: Connection, manifest: Manifest, check: Check):
    papers.execute("DROP EXTENSION amcheck")
    result = check("storage", manifest)
    assert result.status == "not_proven"
    assert "CREATE EXTENSION amcheck" in result.detail


def test_without_the_right_to_amcheck_nothing_is_proven(papers: Connection, manifest: Manifest, dsn: str):
    used = "continuity.bt_index_check(regclass, boolean, boolean)"
    papers.execute(f"REVOKE EXECUTE ON FUNCTION {used} FROM {VERIFIER_ROLE}".encode())
    verifier = make_conninfo(dsn, user=VERIFIER_ROLE, password="")
    result = run_check_at(verifier, "storage", CheckContext(manifest=manifest))
    assert result.status == "not_proven"
    assert "GRANT EXECUTE" in result.detail


def test_invalid_index_is_found_without_amcheck(papers: Connection, manifest: Manifest, check: Check):
    papers.execute("DROP EXTENSION amcheck")
    papers.execute("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'papers_hash'::regclass")
    assert check("storage", manifest).status == "failed"


def test_big_table_is_read_in_ranges_of_blocks(
    papers: Connection, manifest: Manifest, dsn: str, corrupt: Corrupt, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(packing, "PART_BYTES", 8 * BLOCK)
    context = CheckContext(manifest=manifest)
    blocks = row(papers, "SELECT pg_relation_size('papers') / 8192 AS blocks")["blocks"]
    ranges = [
        part
        for part in plan_checks(dsn, context, checks=["storage"])
        if part.label.startswith("public.papers from block")
    ]
    assert len(ranges) == -(-blocks // 8)
    assert {run_part(dsn, part, context).status for part in ranges} == {"passed"}
    corrupt("papers", block=blocks - 1, at=HEADER_LENGTH, data=b"\xff")
    *others, last = [run_part(dsn, part, context) for part in ranges]
    assert {other.status for other in others} == {"passed"}
    assert f"invalid page in block {blocks - 1}" in last.detail


def test_parts_cover_every_relation_once(manifest: Manifest, papers: Connection, dsn: str):
    parts = plan_checks(dsn, CheckContext(manifest=manifest), checks=["storage"])
    planned = [oid for part in parts for kind in ("heap", "btree", "gin") for oid in packing.oids(part, kind)]
    expected = rows(
        papers,
        "SELECT c.oid::bigint FROM pg_class AS c LEFT JOIN pg_am AS a ON a.oid = c.relam"
        " WHERE relkind IN ('r', 't', 'm', 'S') OR relkind = 'i' AND amname IN ('btree', 'gin')",
    )
    assert sorted(planned) == sorted(each["oid"] for each in expected)

"""Invariants: the rows mean what the product says, asked by files that anybody may add."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from lab import workload
from lab.postgres import Cluster
from recovery import settling
from recovery.bootstrap import VERIFIER_ROLE, bootstrap
from recovery.check_results import CheckResult
from recovery.checks import CheckContext, Part
from recovery.checks.invariant_files import find_files, read_file
from recovery.checks.invariants import INVARIANTS
from recovery.checks.outcome import PACKAGED_INVARIANTS
from recovery.database import Connection, connect, row
from recovery.manifest import Manifest
from recovery.manifest_taking import take_manifest
from tests.recovery.checking import run_check_at

Check = Callable[..., CheckResult]
Ask = Callable[..., CheckResult]

# Constraints would refuse what the questions are about.
FREE = """
SET session_replication_role = replica;
ALTER TABLE transactions DROP CONSTRAINT transactions_amount_paisa_check, DROP CONSTRAINT transactions_kind_check;
ALTER TABLE budgets DROP CONSTRAINT budgets_period_check, DROP CONSTRAINT budgets_limit_paisa_check,
    DROP CONSTRAINT budgets_user_id_category_period_key;
ALTER TABLE linked_accounts DROP CONSTRAINT linked_accounts_provider_check, ALTER balance_paisa DROP NOT NULL;
"""


@pytest.fixture(scope="module")
def product(cluster: Cluster) -> Iterator[Connection]:
    """A database with the product's tables and some rows, for tests that undo what they change."""
    name = f"product_{uuid4().hex[:8]}"
    with cluster.connect() as admin:
        admin.execute(f"CREATE DATABASE {name}".encode())
        with connect(cluster.dsn(name), application_name="test") as connection:
            workload.create(connection, users=30, transactions=200)
            connection.execute(
                "INSERT INTO auth_otps (user_id, code_hash, expires_at)"
                " SELECT id, '', now() + interval '1 h' FROM users LIMIT 1"
            )
            bootstrap(connection)
            yield connection
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


@pytest.fixture(scope="module")
def manifest(product: Connection) -> Manifest:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(settling, "CLOCK_ALLOWANCE", timedelta(0))
        return take_manifest(product)


@pytest.fixture
def ask(notes: Connection, dsn: str, tmp_path: Path) -> Ask:
    """Ask one question of the database with 200 notes."""

    def run(text: str, *, manifest: Manifest | None = None) -> CheckResult:
        (tmp_path / "mine.sql").write_text(text)
        context = CheckContext(manifest=manifest or take_manifest(notes), invariants=(tmp_path,))
        return run_check_at(dsn, "invariants", context)

    return run


def question(query: str, *, needs: str = "public.notes (id)", shows: str = "id") -> str:
    return f"-- Notes are few.\n-- Needs: {needs}\n-- Shows: {shows}\n-- Means: Too\n--   many.\n-- Do: Less.\n{query}"


def test_products_own_rows_pass_every_packaged_question(product: Connection, manifest: Manifest, cluster: Cluster):
    verifier = cluster.dsn(product.info.dbname, user=VERIFIER_ROLE)
    result = run_check_at(verifier, "invariants", CheckContext(manifest=manifest))
    assert result.status == "passed", result.detail
    assert result.measurements == {"questions": len(list(PACKAGED_INVARIANTS.glob("*.sql")))}


@pytest.mark.parametrize(
    ("table", "damage", "file"),
    [
        ("transactions", "amount_paisa = -4200", "transactions_amount"),
        ("transactions", "amount_paisa = 1000000000000", "transactions_amount"),
        ("transactions", "kind = 'gift'", "transactions_kind"),
        ("transactions", "user_id = gen_random_uuid()", "transactions_user"),
        ("transactions", "account_id = gen_random_uuid()", "transactions_account"),
        ("transactions", "occurred_at = now() + interval '3 days'", "transactions_times"),
        ("transactions", "updated_at = created_at - interval '61 minutes'", "transactions_times"),
        ("linked_accounts", "user_id = gen_random_uuid()", "linked_accounts_user"),
        ("linked_accounts", "balance_paisa = NULL", "linked_accounts_balance"),
        ("linked_accounts", "provider = 'mattress'", "linked_accounts_provider"),
        ("linked_accounts", "created_at = now() + interval '1 h'", "linked_accounts_times"),
        ("budgets", "user_id = gen_random_uuid()", "budgets_user"),
        ("budgets", "limit_paisa = 0", "budgets_limit"),
        ("budgets", "period = 'fortnightly'", "budgets_period"),
        ("budgets", "updated_at = now() + interval '1 h'", "budgets_times"),
        ("users", "phone = 'none'", "users_phone"),
        ("users", "created_at = now() + interval '1 year'", "users_times"),
        ("sessions", "expires_at = created_at", "sessions_times"),
        ("auth_otps", "created_at = expires_at + interval '1 s'", "auth_otps_times"),
    ],
)
def test_packaged_question_finds_the_row(product: Connection, manifest: Manifest, table: str, damage: str, file: str):
    changed = f"UPDATE {table} SET {damage} WHERE ctid = (SELECT min(ctid) FROM {table})"
    assert f"{file}.sql: " in told_after(product, manifest, changed)


def test_account_of_another_user_is_found(product: Connection, manifest: Manifest):
    strange = "SELECT id FROM linked_accounts AS a WHERE a.user_id <> transactions.user_id LIMIT 1"
    changed = f"UPDATE transactions SET account_id = ({strange}) WHERE ctid = '(0,1)'"
    assert "transactions_account.sql: " in told_after(product, manifest, changed)


def test_second_budget_for_the_same_thing_is_found(product: Connection, manifest: Manifest):
    added = "INSERT INTO budgets (user_id, category, period, limit_paisa) SELECT user_id, category, period, 7"
    assert "budgets_once.sql: " in told_after(product, manifest, f"{added} FROM budgets LIMIT 1")


def test_row_that_an_older_transaction_has_edited_does_not_offend(product: Connection, manifest: Manifest):
    """A change time is the beginning of its transaction, and that may be before the row was made."""
    context = CheckContext(manifest=manifest)
    part = Part(check="invariants", label="all", arguments={"files": ["transactions_times.sql"]})
    with product.transaction(force_rollback=True):
        product.execute(FREE.encode())
        product.execute("UPDATE transactions SET updated_at = created_at - interval '59 minutes' WHERE ctid = '(0,1)'")
        assert INVARIANTS.run(product, context, part).status == "passed"


def told_after(product: Connection, manifest: Manifest, damage: str) -> str:
    context = CheckContext(manifest=manifest)
    part = Part(check="invariants", label="all", arguments={"files": list(find_files(context.invariants))})
    with product.transaction(force_rollback=True):
        product.execute(FREE.encode())
        assert product.execute(damage.encode()).rowcount == 1
        outcome = INVARIANTS.run(product, context, part)
    assert outcome.status == "failed"
    return outcome.detail


def test_every_packaged_file_can_be_read():
    for path in find_files([PACKAGED_INVARIANTS]).values():
        invariant = read_file(path)
        assert invariant.title.endswith(".")
        assert invariant.tables


def test_example_of_the_docs_can_be_asked(product: Connection, manifest: Manifest, cluster: Cluster, tmp_path: Path):
    text = (Path(__file__).parents[2] / "docs/proof.md").read_text()
    (tmp_path / "example.sql").write_text(text.split("```sql\n")[1].split("```")[0])
    context = CheckContext(manifest=manifest, invariants=(tmp_path,))
    result = run_check_at(cluster.dsn(product.info.dbname), "invariants", context)
    assert (result.status, result.measurements) == ("passed", {"questions": 1}), result.detail


def test_finding_says_what_which_and_what_to_do(ask: Ask):
    result = ask(question("SELECT id, body FROM public.notes WHERE id < 6 ORDER BY id;"))
    assert result.status == "failed"
    assert result.detail == "mine.sql: Notes are few. But 5 rows do not (id 1; id 2; id 3; …). Too many. Less."


def test_columns_that_are_not_shown_stay_hidden(ask: Ask):
    result = ask(question("SELECT id, body FROM public.notes WHERE id = 1"))
    assert "note 1" not in result.detail


def test_texts_are_never_shown(ask: Ask):
    result = ask(question("SELECT body FROM public.notes WHERE id = 1", shows="body"))
    assert result.status == "not_proven"
    assert "expected Shows to name numbers, UUIDs and times, found body" in result.detail
    assert "note 1" not in result.detail


def test_question_without_offenders_passes(ask: Ask):
    assert ask(question("SELECT id FROM public.notes WHERE id < 0 AND body LIKE '%s' -- none")).status == "passed"


def test_question_about_what_the_database_never_had_does_not_apply(ask: Ask):
    result = ask(question("SELECT id FROM public.coins", needs="public.coins (id)"))
    assert result.status == "passed"
    assert "0 questions about the product's rows asked" in result.detail
    assert result.measurements == {"not_applicable": 1}


def test_question_about_a_column_that_the_database_never_had_does_not_apply(ask: Ask):
    result = ask(question("SELECT id FROM public.notes WHERE colour = 1", needs="public.notes (id, colour)"))
    assert result.measurements == {"not_applicable": 1}


def test_question_about_what_was_lost_is_not_proven(ask: Ask, notes: Connection):
    manifest = take_manifest(notes)
    notes.execute("ALTER TABLE notes RENAME TO old")
    result = ask(question("SELECT id FROM public.notes"), manifest=manifest)
    assert result.status == "not_proven"
    assert "mine.sql: not answered" in result.detail


@pytest.mark.parametrize(
    "query",
    [
        "DELETE FROM public.notes RETURNING id",
        "WITH gone AS (DELETE FROM public.notes RETURNING id) SELECT id FROM gone",
        "SELECT id FROM public.notes; DELETE FROM public.notes",
        "SELECT 1) AS offending; DELETE FROM public.notes; SELECT id FROM (SELECT 1 AS id",
        "SELECT 1 AS id) AS offending; COMMIT; DELETE FROM public.notes; --",
        "SELECT nextval('public.counter') AS id",
        "SELECT id FROM public.notes /* not closed",
    ],
)
def test_file_that_is_more_than_a_reading_query_is_refused(ask: Ask, notes: Connection, query: str):
    notes.execute("CREATE SEQUENCE counter")
    result = ask(question(query))
    assert result.status == "not_proven"
    assert "mine.sql: expected one query that only reads" in result.detail
    assert row(notes, "SELECT count(*) AS n FROM notes")["n"] == 200


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("SELECT 1", "found no sentence, Needs, Shows, Means, Do"),
        ("-- Notes are few.\n-- Needs: public.notes\n-- Shows: id\n-- Do: x\nSELECT 1", "found no Means"),
        (question("SELECT 1", needs="notes"), "found 'notes'"),
        (question(""), "expected a query after the comment"),
    ],
)
def test_file_without_its_comment_says_what_it_lacks(ask: Ask, text: str, complaint: str):
    result = ask(text)
    assert result.status == "not_proven"
    assert complaint in result.detail


def test_one_bad_file_leaves_the_others_alone(ask: Ask, tmp_path: Path):
    (tmp_path / "another.sql").write_text("SELECT 1")
    result = ask(question("SELECT id FROM public.notes WHERE id = 7"))
    assert result.status == "failed"
    assert "(id 7)" in result.detail
    assert "besides, not proven: another.sql" in result.detail


def test_folder_that_is_not_there_is_not_proven(notes: Connection, check: Check, tmp_path: Path):
    result = check("invariants", take_manifest(notes), invariants=(tmp_path / "gone",))
    assert result.status == "not_proven"
    assert "expected a folder of .sql files" in result.detail


def test_two_files_of_one_name_are_not_mixed_up(notes: Connection, check: Check, tmp_path: Path):
    (tmp_path / "users_phone.sql").write_text(question("SELECT id FROM public.notes"))
    result = check("invariants", take_manifest(notes), invariants=(PACKAGED_INVARIANTS, tmp_path))
    assert result.status == "not_proven"
    assert "expected one file of each name" in result.detail

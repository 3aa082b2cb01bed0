"""The chain of evidence: one link a record, in one order, and no change that it does not show."""

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from recovery.evidence.chain import CLOCK_ALLOWANCE, Proof, keep, link_key, page_key, prove, record_key, seal
from recovery.evidence.folder import EvidenceFolder
from tests.recovery.evidence_files import DATABASE, FolderStore, a_record, sealed_folder, store_record

SECOND = record_key(DATABASE, "job-2")


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_link_seals_record_page_and_the_link_before(tmp_path: Path):
    sealed_folder(tmp_path, 2)
    link = json.loads((tmp_path / link_key(DATABASE, 2)).read_text())
    assert link["record"] == {"key": SECOND, "sha256": sha256(tmp_path / SECOND)}
    assert link["page"] == {"key": page_key(SECOND), "sha256": sha256(tmp_path / page_key(SECOND))}
    assert link["previous_sha256"] == sha256(tmp_path / link_key(DATABASE, 1))
    assert json.loads((tmp_path / link_key(DATABASE, 1)).read_text())["previous_sha256"] is None


def test_untouched_chain_is_proven_to_its_newest_link(tmp_path: Path):
    store = sealed_folder(tmp_path)
    proof = prove(store, DATABASE)
    assert (proof.fault, proof.records) == (None, 3)
    assert proof.newest_sha256 == sha256(tmp_path / link_key(DATABASE, 3))


def test_first_record_of_a_name_stands(tmp_path: Path):
    store = sealed_folder(tmp_path, 1)
    stands, is_new = keep(store, record_key(DATABASE, "job-1"), a_record(1, passed=False))
    assert (stands.verdict, is_new) == ("PASS", False)


def test_repeat_makes_no_second_link(tmp_path: Path):
    store = sealed_folder(tmp_path)
    assert seal(store, DATABASE, SECOND, lambda: "another page") is False
    assert prove(store, DATABASE).fault is None
    assert not (tmp_path / link_key(DATABASE, 4)).exists()


def test_record_without_a_link_gets_one_by_the_repeat(tmp_path: Path):
    store = sealed_folder(tmp_path, 1)
    keep(store, SECOND, a_record(2))  # and then its judge crashed
    assert "is in no link" in (prove(store, DATABASE).fault or "")
    store_record(store, 3)
    store_record(store, 2)
    proof = prove(store, DATABASE)
    assert (proof.fault, proof.records) == (None, 3)


def test_link_is_found_however_many_came_after_it(tmp_path: Path):
    """Only links older than the record are not looked at."""
    store = sealed_folder(tmp_path)
    old = (tmp_path / SECOND).stat().st_mtime - 2 * CLOCK_ALLOWANCE.total_seconds()
    os.utime(tmp_path / link_key(DATABASE, 1), (old, old))
    assert seal(store, DATABASE, SECOND, lambda: "") is False


def test_judges_that_race_for_a_number_take_turns(tmp_path: Path):
    store, count = FolderStore(tmp_path), 12
    with ThreadPoolExecutor(2 * count) as judges:
        for sealed in [judges.submit(store_record, store, 1 + number // 2) for number in range(2 * count)]:
            sealed.result()
    proof = prove(store, DATABASE)
    assert (proof.fault, proof.records) == (None, count)


def test_damaged_link_does_not_keep_new_evidence_out(tmp_path: Path):
    store = sealed_folder(tmp_path, 1)
    (tmp_path / link_key(DATABASE, 1)).write_text("{}")
    store_record(store, 2)
    assert (tmp_path / link_key(DATABASE, 2)).exists()
    assert "link 1 cannot be read" in (prove(store, DATABASE).fault or "")


def test_chains_of_two_databases_do_not_mix(tmp_path: Path):
    store = sealed_folder(tmp_path, 2)
    store_record(store, 9, database="more")
    assert [prove(store, database).records for database in (DATABASE, "more")] == [2, 1]


def change(folder: Path, key: str) -> None:
    path = folder / key
    path.write_bytes(path.read_bytes().replace(b"PASS", b"FAIL"))


def forge_link(folder: Path, number: int, **changes: object) -> None:
    path = folder / link_key(DATABASE, number)
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


TAMPERINGS: list[tuple[Callable[[Path], object], str]] = [
    (lambda f: change(f, SECOND), f"{SECOND} was changed: link 2"),
    (lambda f: change(f, page_key(SECOND)), f"{page_key(SECOND)} was changed: link 2"),
    (lambda f: (f / SECOND).unlink(), f"{SECOND} of link 2 is missing"),
    (lambda f: (f / page_key(SECOND)).unlink(), f"{page_key(SECOND)} of link 2 is missing"),
    (lambda f: (f / link_key(DATABASE, 2)).unlink(), "link 2 is missing; the next one there is 3"),
    (lambda f: (f / link_key(DATABASE, 3)).unlink(), "job-3.html is in no link"),
    (lambda f: forge_link(f, 2, sequence=7), "link 2 says that it is link 7"),
    (lambda f: forge_link(f, 2, previous_sha256="0" * 64), "link 2 does not continue link 1"),
    (lambda f: forge_link(f, 2, format=2), "link 2 cannot be read"),
    (lambda f: shutil.copy(f / link_key(DATABASE, 3), f / link_key(DATABASE, 4)), "link 4 says that it is link 3"),
    (lambda f: (f / record_key(DATABASE, "extra")).write_text("{}"), "extra.json is in no link"),
    (lambda f: (f / "evidence" / DATABASE / "chain" / "note.txt").write_text("x"), "note.txt is in no link"),
]


@pytest.mark.parametrize(("tamper", "fault"), TAMPERINGS)
def test_tampering_is_told(tmp_path: Path, tamper: Callable[[Path], object], fault: str):
    sealed_folder(tmp_path)
    tamper(tmp_path)
    assert fault in (prove(EvidenceFolder(tmp_path), DATABASE).fault or "")


def test_record_rewritten_with_its_link_breaks_the_link_after(tmp_path: Path):
    """Who can write can make one link fit its record again, but then the next one does not fit."""
    sealed_folder(tmp_path)
    change(tmp_path, SECOND)
    forge_link(tmp_path, 2, record={"key": SECOND, "sha256": sha256(tmp_path / SECOND)})
    proof = prove(EvidenceFolder(tmp_path), DATABASE)
    assert "link 3 does not continue link 2" in (proof.fault or "")
    assert proof.records == 2


def test_record_claimed_twice_is_told(tmp_path: Path):
    sealed_folder(tmp_path, 1)
    first = json.loads((tmp_path / link_key(DATABASE, 1)).read_text())
    again = first | {"sequence": 2, "previous_sha256": sha256(tmp_path / link_key(DATABASE, 1))}
    (tmp_path / link_key(DATABASE, 2)).write_text(json.dumps(again))
    assert "which link 1 has" in (prove(EvidenceFolder(tmp_path), DATABASE).fault or "")


def test_whole_chain_made_anew_has_another_newest_hash(tmp_path: Path):
    """What no chain can show by itself: that is what the newest hash is noted elsewhere for."""
    before = prove(sealed_folder(tmp_path / "a"), DATABASE).newest_sha256
    store = FolderStore(tmp_path / "b")
    for number in (1, 3):
        store_record(store, number)
    after = prove(store, DATABASE)
    assert after.fault is None
    assert after.newest_sha256 != before


def explaining(folder: Path) -> tuple[list[str], Proof]:
    """Explain one fault after the other, as they are told, until the chain is proven."""
    explained: list[str] = []
    while (proof := prove(EvidenceFolder(folder), DATABASE, explained=explained)).fault is not None:
        assert proof.fault not in explained
        explained.append(proof.fault)
    return explained, proof


@pytest.mark.parametrize(("tamper", "fault"), TAMPERINGS)
def test_chain_whose_faults_are_explained_is_proven_but_for_them(
    tmp_path: Path, tamper: Callable[[Path], object], fault: str
):
    sealed_folder(tmp_path)
    tamper(tmp_path)
    explained, proof = explaining(tmp_path)
    assert any(fault in each for each in explained)
    assert proof.explained == tuple(explained)


def test_new_fault_is_told_beside_one_that_is_explained(tmp_path: Path):
    store = sealed_folder(tmp_path)
    change(tmp_path, SECOND)
    explained, _ = explaining(tmp_path)
    (tmp_path / record_key(DATABASE, "extra")).write_text("{}")
    proof = prove(store, DATABASE, explained=explained)
    assert "extra.json is in no link" in (proof.fault or "")


def test_explained_record_that_is_changed_again_is_told_again(tmp_path: Path):
    store = sealed_folder(tmp_path)
    change(tmp_path, SECOND)
    explained, _ = explaining(tmp_path)
    (tmp_path / SECOND).write_text("another")
    assert f"{SECOND} was changed" in (prove(store, DATABASE, explained=explained).fault or "")


def test_explained_record_is_not_counted_and_doubtful(tmp_path: Path):
    sealed_folder(tmp_path)
    change(tmp_path, SECOND)
    _, proof = explaining(tmp_path)
    assert proof.records == 2
    assert [proof.is_doubtful(record_key(DATABASE, f"job-{number}")) for number in (1, 2, 3)] == [False, True, False]

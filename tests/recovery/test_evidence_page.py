"""The page of a record: what is in the record, nothing invented, nothing injected."""

from dataclasses import replace
from datetime import timedelta
from html.parser import HTMLParser

import pytest

from recovery.check_results import CheckResult
from recovery.evidence import Evidence, judge, records
from recovery.evidence.page import duration, page_of
from recovery.objectives import FULL
from tests.recovery.evidence_files import a_record

UNPROVEN = CheckResult(name="storage", status="not_proven", detail="no amcheck")


class Reader(HTMLParser):
    """Collects the text between the tags."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_data(self, data: str) -> None:
        self.found.append(data)


def words(page: str) -> str:
    """What a reader sees."""
    reader = Reader()
    reader.feed(page[page.index("<body>") :])
    return " ".join(" ".join(reader.found).split())


def with_checks(*checks: CheckResult, optional: tuple[str, ...] = ()) -> Evidence:
    return a_record().model_copy(update={"checks": records(checks, optional)})


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "unmeasured"),
        (0.04, "40 ms"),
        (0.41, "0.4 s"),
        (59.94, "59.9 s"),
        (1800, "30 min"),
        (61, "1 min 1 s"),
        (14400, "4 h"),
        (5025, "1 h 23 min"),
    ],
)
def test_duration_reads_as_people_say_it(seconds: float | None, text: str):
    assert duration(seconds) == text


def test_verdict_objectives_and_whereabouts_are_shown():
    text = words(page_of(a_record()))
    for expected in ("Restore test of test PASS", "20 min", "30.0 s", "in ap-south-1", "job-1", "restored-1", "18.6"):
        assert expected in text


def test_unmeasured_objective_is_called_unmeasured():
    text = words(page_of(a_record().model_copy(update={"objectives": (judge(FULL, rto=None, rpo=None),)})))
    assert "4 h unmeasured 1 h unmeasured FAIL" in text


def test_objective_that_a_snapshot_cannot_show_is_not_called_unmet():
    objective = judge(replace(FULL, rpo=None), rto=timedelta(minutes=20), rpo=None)
    assert "4 h 20 min not exercised" in words(page_of(a_record().model_copy(update={"objectives": (objective,)})))


def test_excused_check_is_named_as_excused():
    text = words(page_of(with_checks(UNPROVEN, optional=("storage",))))
    assert "storage is not proven, which is excused" in text
    assert "NOT_PROVEN, excused" in text


def test_check_that_nobody_excused_is_not():
    text = words(page_of(with_checks(UNPROVEN)))
    assert "storage is not proven." in text
    assert "excused" not in text


def test_text_of_the_database_is_escaped():
    hostile = UNPROVEN.model_copy(update={"detail": "<script>alert(1)</script>", "measurements": {"<b>": "\"'"}})
    page = page_of(with_checks(hostile))
    assert "<script>" not in page
    assert "<b>" not in page


def test_page_asks_for_nothing_from_elsewhere():
    page = page_of(a_record())
    assert "http:" not in page
    assert "https:" not in page
    assert "default-src 'none'" in page


@pytest.mark.parametrize("lab", [True, False])
def test_figures_of_the_lab_are_labelled_and_no_others(lab: bool):
    text = words(page_of(a_record().model_copy(update={"lab": lab})))
    assert ("measured in the lab" in text) is ("RTO measured (lab)" in text) is lab


def test_record_without_checks_says_so():
    assert "No check ran." in words(page_of(with_checks()))

"""Values as JSON takes them."""

from dataclasses import dataclass
from datetime import UTC, datetime

from recovery.json_form import json_form


@dataclass(frozen=True)
class Inner:
    at: datetime | None


@dataclass(frozen=True)
class Outer:
    name: str
    inner: Inner
    many: tuple[Inner, ...]


def test_dataclasses_times_and_tuples_become_what_json_has() -> None:
    inner = Inner(datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))
    assert json_form(Outer("x", inner, (inner, Inner(None)))) == {
        "name": "x",
        "inner": {"at": "2026-01-02T03:04:05+00:00"},
        "many": [{"at": "2026-01-02T03:04:05+00:00"}, {"at": None}],
    }

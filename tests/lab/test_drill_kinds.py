"""What all drills have in common."""

import pytest
import typer

from lab.documented import PROMOTION, beside
from lab.drills.commands import DRILLS, Kind
from lab.drills.commands import app as lab_drills
from operations.drill import app as drills
from tests.recovery.evidence_files import a_record


@pytest.mark.parametrize("kind", DRILLS, ids=lambda kind: kind.name)
def test_every_drill_shows_what_aws_documents_with_its_source(kind: Kind) -> None:
    assert kind.documented
    assert all(each.source.startswith("https://docs.aws.amazon.com/") for each in kind.documented)


def test_what_aws_documents_stands_in_the_record_once() -> None:
    once = beside(a_record(1), [PROMOTION])
    assert once.notes == (*a_record(1).notes, PROMOTION.sentence)
    assert beside(once, [PROMOTION]) == once


def test_dr_has_every_drill_of_the_lab() -> None:
    known = set(typer.main.get_command(drills).commands)  # type: ignore[attr-defined]
    assert known == set(typer.main.get_command(lab_drills).commands)  # type: ignore[attr-defined]
    assert known == {kind.name for kind in DRILLS} | {"all"}

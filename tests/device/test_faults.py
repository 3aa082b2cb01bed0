"""Copies under a busy writer, and kills at random moments: a few here, `make device-faults` runs a thousand."""

from pathlib import Path

import pytest

from benchmarks.device_faults import client_copies, random_kills, spec_copies, torn_copies

COPIES = 25
KILLS = 40


@pytest.mark.parametrize("journal_mode", ["wal", "delete"])
def test_no_copy_under_a_writer_is_torn(tmp_path: Path, journal_mode: str):
    tally = torn_copies(tmp_path, COPIES, client_copies(tmp_path), journal_mode=journal_mode)
    assert tally == {"good": COPIES}


def test_the_control_the_specs_sample_tears_some(tmp_path: Path):
    """Or this harness could not see a torn copy."""
    tally = torn_copies(tmp_path, COPIES, spec_copies)
    assert tally["good"] < COPIES


def test_no_kill_at_a_random_moment_does_harm(tmp_path: Path):
    done = random_kills(tmp_path, KILLS)
    assert done.lost == []
    assert done.killed > KILLS // 4

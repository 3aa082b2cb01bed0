"""A lab that is kept running for a person to explore."""

import signal
from pathlib import Path

import psycopg

from tests.lab.runs import begin, read_until


def test_lab_prints_what_it_takes_to_explore_and_stops_at_ctrl_c(open_folder: Path) -> None:
    run = begin(open_folder, "start")
    assert run.process.stdout is not None
    _, before = read_until(run.process.stdout, "Stop it with Ctrl-C")
    printed = "".join(before)
    assert "export AWS_ENDPOINT_URL=http://127.0.0.1:" in printed
    [primary] = [line.strip() for line in before if "dbname=duskspendr" in line and "manifest" not in line][:1]
    with psycopg.connect(primary) as connection:
        row = connection.execute("SELECT count(*) > 0 FROM transactions").fetchone()
    assert row == (True,)
    run.process.send_signal(signal.SIGINT)
    rest, _ = run.process.communicate(timeout=60)
    assert run.process.returncode == 130, rest
    assert "stopped, and everything removed" in rest
    assert run.leftovers() == []

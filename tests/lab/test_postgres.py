"""Real clusters: made, killed, copied and reached as RDS instances are."""

import subprocess
import threading
from pathlib import Path

import psycopg
import pytest

from lab.postgres import Cluster
from lab.server import PostgresError, everyone_may_enter, make_run_folder, unprivileged_ids


@pytest.fixture
def folder(open_folder: Path) -> Path:
    return make_run_folder(open_folder / "run")


def test_cluster_never_runs_as_root(cluster: Cluster) -> None:
    assert cluster.pid is not None
    status = Path(f"/proc/{cluster.pid}/status").read_text()
    uid = int(next(line for line in status.splitlines() if line.startswith("Uid:")).split()[1])
    expected = unprivileged_ids()
    assert uid != 0
    assert expected is None or uid == expected[0]


def test_cluster_listens_on_loopback_only(cluster: Cluster) -> None:
    with cluster.connect() as connection:
        assert connection.execute("SHOW listen_addresses").fetchone() == ("127.0.0.1",)
        assert connection.execute("SHOW unix_socket_directories").fetchone() == ("",)


def test_killed_cluster_keeps_what_it_acknowledged(folder: Path) -> None:
    cluster = Cluster(folder / "killed")
    cluster.create()
    cluster.start()
    with cluster.connect() as connection:
        connection.execute("CREATE TABLE paid AS SELECT 1 AS id")
    cluster.kill()
    assert cluster.pid is None
    cluster.start()
    with cluster.connect() as connection:
        assert connection.execute("SELECT id FROM paid").fetchall() == [(1,)]
    cluster.destroy()


def test_a_process_id_that_came_back_is_left_alone(folder: Path) -> None:
    """A killed server's file may name, later, any process or a thread of our own."""
    cluster = Cluster(folder / "gone")
    cluster.data.mkdir(parents=True)
    innocent = subprocess.Popen(["sleep", "60"])
    ended = threading.Event()
    thread = threading.Thread(target=ended.wait)
    thread.start()
    for number in (innocent.pid, thread.native_id):
        (cluster.data / "postmaster.pid").write_text(f"{number}\n{cluster.data}\n")
        assert cluster.pid is None
        cluster.stop()
        cluster.kill()
    assert innocent.poll() is None
    ended.set()
    innocent.kill()
    innocent.wait()


def test_destroyed_cluster_leaves_nothing(folder: Path) -> None:
    cluster = Cluster(folder / "destroyed")
    cluster.create()
    cluster.start()
    pid = cluster.pid
    assert "/PostgreSQL." not in Path(f"/proc/{pid}/maps").read_text()
    cluster.destroy()
    assert not (folder / "destroyed").exists()
    stat = Path(f"/proc/{pid}/stat")
    assert not stat.exists() or stat.read_text().split()[2] == "Z"


def test_server_that_does_not_start_says_why(folder: Path) -> None:
    cluster = Cluster(folder / "broken", settings={"shared_buffers": "nonsense"})
    cluster.create()
    with pytest.raises(PostgresError, match="shared_buffers"):
        cluster.start()
    cluster.destroy()


def test_iam_role_signs_in_without_a_password_only_where_iam_is_on(folder: Path) -> None:
    cluster = Cluster(folder / "iam")
    cluster.create()
    cluster.start()
    with cluster.connect() as connection:
        connection.execute("CREATE ROLE rds_iam; CREATE ROLE verifier LOGIN IN ROLE rds_iam")
    with psycopg.connect(cluster.dsn(user="verifier", password="a-token")) as connection:
        assert connection.execute("SELECT current_user").fetchone() == ("verifier",)
    cluster.iam_authentication = False
    cluster.configure()
    cluster.stop()
    cluster.start()
    with pytest.raises(psycopg.OperationalError, match="rejects connection"):
        psycopg.connect(cluster.dsn(user="verifier", password="a-token"))
    cluster.destroy()


def test_folder_below_a_closed_one_is_out_of_reach(open_folder: Path) -> None:
    inner = open_folder / "closed" / "inner"
    inner.mkdir(parents=True)
    assert everyone_may_enter(inner)
    inner.parent.chmod(0o700)
    assert not everyone_may_enter(inner)

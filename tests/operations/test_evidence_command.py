"""``dr evidence`` on a bucket of the emulated S3 and on a copy of one in a folder."""

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
from typer.testing import CliRunner, Result

from lab.cloud import Cloud
from operations.cli import app
from recovery.evidence import judge
from recovery.evidence.bucket import EvidenceBucket
from recovery.evidence.chain import folder, keep, link_key, record_key, seal
from recovery.evidence.page import page_of
from recovery.objectives import FULL
from tests.operations.conftest import Dr, error_of, sign_in
from tests.recovery.evidence_files import DATABASE, FolderStore, a_record, sealed_folder, store_record

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

REGION = "ap-southeast-1"
FIRST, SECOND = (record_key(DATABASE, f"job-{number}") for number in (1, 2))


@pytest.fixture
def dr() -> Dr:
    def run(*arguments: str) -> Result:
        result = CliRunner().invoke(app, ["evidence", *arguments])
        assert "Traceback" not in result.output
        return result

    return run


@pytest.fixture
def s3(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> "S3Client":
    """The client of the emulated S3; the process has the environment of an operator of it."""
    sign_in(cloud, monkeypatch)
    return cloud.clients(REGION).s3


@pytest.fixture
def bucket(s3: "S3Client") -> str:
    """A bucket with versions and lock, as the deployed one, and two records in it."""
    name = f"evidence-{uuid4().hex[:8]}"
    s3.create_bucket(
        Bucket=name, ObjectLockEnabledForBucket=True, CreateBucketConfiguration={"LocationConstraint": REGION}
    )
    s3.put_object_lock_configuration(
        Bucket=name,
        ObjectLockConfiguration={
            "ObjectLockEnabled": "Enabled",
            "Rule": {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 1}},
        },
    )
    store = EvidenceBucket(s3, name)
    for number, key in ((1, FIRST), (2, SECOND)):
        evidence, _ = keep(store, key, a_record(number))
        seal(store, DATABASE, key, lambda: page_of(evidence))  # noqa: B023 - called at once
    return name


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of a bucket, with three records."""
    sealed_folder(tmp_path)
    return tmp_path


def of(bucket: str) -> list[str]:
    return ["--bucket", bucket, "--region", REGION, "--database", DATABASE]


def test_untouched_bucket_is_proven(dr: Dr, bucket: str):
    result = dr("verify", *of(bucket))
    assert result.exit_code == 0, result.output
    assert "PROVEN 2 records of money, none changed, none missing" in result.stdout


def test_every_object_of_evidence_is_locked(s3: "S3Client", bucket: str):
    keys = [each.get("Key", "") for each in s3.list_objects_v2(Bucket=bucket).get("Contents", [])]
    assert len(keys) == 6
    assert {s3.head_object(Bucket=bucket, Key=key).get("ObjectLockMode") for key in keys} == {"GOVERNANCE"}


def test_record_written_over_in_the_bucket_is_told_with_the_version_that_still_holds_the_first(
    dr: Dr, s3: "S3Client", bucket: str
):
    first = s3.head_object(Bucket=bucket, Key=FIRST).get("VersionId")
    s3.put_object(Bucket=bucket, Key=FIRST, Body=b"{}", ChecksumAlgorithm="SHA256")
    result = dr("verify", *of(bucket), "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["fault"] == f"{FIRST} was written again; its first version is {first}"


def test_record_written_over_with_the_same_bytes_is_told_too(dr: Dr, s3: "S3Client", bucket: str):
    same = s3.get_object(Bucket=bucket, Key=FIRST)["Body"].read()
    s3.put_object(Bucket=bucket, Key=FIRST, Body=same, ChecksumAlgorithm="SHA256")
    assert dr("verify", *of(bucket)).exit_code == 1


def test_end_of_the_chain_that_was_deleted_is_told(dr: Dr, s3: "S3Client", bucket: str):
    """The rest is a chain without a fault; only the versions show that there was more."""
    for key in (link_key(DATABASE, 2), SECOND, SECOND.replace(".json", ".html")):
        s3.delete_object(Bucket=bucket, Key=key)
    result = dr("verify", *of(bucket))
    assert result.exit_code == 1
    assert "chain/00000002.json was deleted" in result.stdout


def test_bucket_that_cannot_be_read_is_status_2(dr: Dr, s3: "S3Client"):
    del s3
    assert "NoSuchBucket" in error_of(dr("verify", *of("no-such-bucket-anywhere")))


def test_database_without_evidence_is_status_2(dr: Dr, bucket: str):
    arguments = [*of(bucket)[:-1], "moneys"]
    assert "expected evidence in evidence/moneys/ of the bucket" in error_of(dr("verify", *arguments))


def test_copy_is_proven_without_naming_its_one_database(dr: Dr, copy: Path):
    facts = json.loads(dr("verify", "--folder", str(copy), "--json").stdout)
    newest = hashlib.sha256((copy / link_key(DATABASE, 3)).read_bytes()).hexdigest()
    expected = {"verdict": "PROVEN", "database": DATABASE, "records": 3, "newest_sha256": newest, "fault": None}
    assert facts == expected | {"explained": []}


def test_first_fault_is_told_after_what_was_good(dr: Dr, copy: Path):
    (copy / SECOND).write_text("{}")
    result = dr("verify", "--folder", str(copy))
    assert result.exit_code == 1
    assert result.stdout.startswith(f"BROKEN after 1 good records: {SECOND} was changed")


def test_record_written_over_under_the_lock_can_be_explained_and_is_shown(dr: Dr, s3: "S3Client", bucket: str):
    """The lock keeps the second version as well as the first: nothing else ends that fault."""
    s3.put_object(Bucket=bucket, Key=SECOND, Body=b"{}", ChecksumAlgorithm="SHA256")
    explained: list[str] = []
    for words in ("was written again", "was changed"):
        facts = json.loads(dr("verify", *of(bucket), *explained, "--json").stdout)
        assert (facts["verdict"], words in facts["fault"]) == ("BROKEN", True)
        explained += ["--explained", facts["fault"]]
    result = dr("verify", *of(bucket), *explained)
    assert result.exit_code == 0
    assert "none missing but what is explained" in " ".join(result.stdout.split())
    assert result.stdout.count("explained: ") == 2


def test_copy_of_two_databases_asks_which(dr: Dr, copy: Path):
    store_record(FolderStore(copy), 1, database="more")
    assert "holds the evidence of money, more" in error_of(dr("verify", "--folder", str(copy)))
    assert dr("verify", "--folder", str(copy), "--database", "more").exit_code == 0


def test_folder_that_is_no_copy_says_how_to_make_one(dr: Dr, tmp_path: Path):
    assert "aws s3 sync s3://BUCKET/evidence" in error_of(dr("list", "--folder", str(tmp_path)))


@pytest.mark.parametrize(
    ("arguments", "finding"),
    [
        ([], "expected either --bucket or --folder, found neither"),
        (["--bucket", "b", "--folder", "f"], "found both"),
        (["--bucket", "b"], "expected --database with --bucket"),
    ],
)
def test_place_that_is_not_clear_is_refused(dr: Dr, arguments: list[str], finding: str):
    assert finding in error_of(dr("verify", *arguments))


def test_list_is_newest_first_with_verdict_and_measures(dr: Dr, copy: Path):
    store_record(FolderStore(copy), 9, passed=False)
    lines = dr("list", "--folder", str(copy)).stdout.splitlines()
    assert [line.split()[-1] for line in lines] == ["NAME", "job-9", "job-3", "job-2", "job-1"]
    assert lines[1].split()[:7] == ["2026-01-09", "07:00:00", "UTC", "FAIL", "20", "min", "30.0"]


def test_list_says_unmeasured_and_lab(dr: Dr, tmp_path: Path):
    unmeasured = a_record().model_copy(update={"objectives": (judge(FULL, rto=None, rpo=None),), "lab": True})
    store = FolderStore(tmp_path)
    keep(store, FIRST, unmeasured)
    line = dr("list", "--folder", str(tmp_path)).stdout.splitlines()[1]
    assert line.count("unmeasured") == 2
    assert "restore-test (lab)" in line


def test_list_of_a_bucket_is_json_where_asked(dr: Dr, bucket: str):
    facts = json.loads(dr("list", *of(bucket), "--json").stdout)
    assert [(each["name"], each["verdict"]) for each in facts["records"]] == [("job-2", "PASS"), ("job-1", "PASS")]


def test_damaged_record_is_one_error(dr: Dr, copy: Path):
    (copy / SECOND).write_text("{}")
    assert f"expected a record of evidence in {SECOND}" in error_of(dr("list", "--folder", str(copy)))


def test_show_tells_one_record_and_writes_its_page(dr: Dr, copy: Path, tmp_path: Path):
    page = tmp_path / "page.html"
    result = dr("show", "job-2", "--folder", str(copy), "--page", str(page))
    assert result.exit_code == 0, result.output
    assert "PASS       content     of 50 rows" in result.stdout
    assert "tier 3 (full): RTO 20 min of 4 h, RPO 30.0 s of 1 h" in result.stdout
    assert "restored restored-2 from 2026-01-02 06:40:00 UTC on" in result.stdout
    assert page.read_text() == (copy / SECOND.replace(".json", ".html")).read_text()


def test_show_of_a_bucket_is_the_record_itself(dr: Dr, bucket: str, s3: "S3Client"):
    stored = json.loads(s3.get_object(Bucket=bucket, Key=FIRST)["Body"].read())
    assert json.loads(dr("show", "job-1", *of(bucket), "--json").stdout) == stored


@pytest.mark.parametrize("name", ["job-7", "chain/00000001", "../money/job-1"])
def test_show_of_what_is_no_record_is_refused(dr: Dr, copy: Path, name: str):
    assert f"expected a record {name} in" in error_of(dr("show", name, "--folder", str(copy)))


def test_bucket_copied_to_a_folder_proves_the_same(dr: Dr, bucket: str, s3: "S3Client", tmp_path: Path):
    store = EvidenceBucket(s3, bucket)
    for key in store.written(folder(DATABASE)):
        path = tmp_path / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(store.read(key))
    in_bucket, in_copy = dr("verify", *of(bucket), "--json"), dr("verify", "--folder", str(tmp_path), "--json")
    assert json.loads(in_bucket.stdout) == json.loads(in_copy.stdout)

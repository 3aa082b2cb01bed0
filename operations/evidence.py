"""``dr evidence``: list the evidence of restores, read one record, prove that nobody changed any."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError
from rich.text import Text

from operations.arguments import Json, check_writable, write_whole
from operations.aws import aws_in, client
from operations.terminal import (
    EXIT_FAILED,
    EXIT_PASSED,
    STATUS_STYLES,
    InputError,
    aligned,
    answer,
    one_error,
    progress,
)
from recovery.evidence import Evidence, ObjectiveResult
from recovery.evidence.bucket import EvidenceBucket
from recovery.evidence.chain import Proof, Reader, folder, is_record, prove, record_key
from recovery.evidence.folder import EvidenceFolder
from recovery.evidence.page import duration, moment, page_of

app = typer.Typer(help="The evidence of restores.", no_args_is_help=True)

_BucketName = Annotated[str | None, typer.Option("--bucket", help="The evidence bucket.", show_default=False)]
_Region = Annotated[str | None, typer.Option("--region", help="The bucket's region.", show_default="the AWS profile's")]
_Database = Annotated[
    str | None,
    typer.Option(
        "--database", help="Identifier of the database; a folder with one alone needs none.", show_default=False
    ),
]
_Folder = Annotated[
    Path | None,
    typer.Option("--folder", help="A copy of the bucket, in place of it: it holds evidence/.", show_default=False),
]

_HEAD = ("JUDGED", "VERDICT", "RTO", "RPO", "DRILL", "REGION", "NAME")
_STYLES = {"PASS": STATUS_STYLES["passed"], "FAIL": STATUS_STYLES["failed"], "NOT_PROVEN": STATUS_STYLES["not_proven"]}


@dataclass(frozen=True)
class _Source:
    """Where to read, and of which database."""

    reader: Reader
    database: str
    place: str


@app.command("verify")
def verify_chain(
    bucket: _BucketName = None,
    region: _Region = None,
    database: _Database = None,
    copy: _Folder = None,
    explained: Annotated[
        list[str] | None,
        typer.Option(
            help="A fault, word for word, that was looked into and cannot be mended; may be given again.",
            show_default=False,
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Prove that every record and page is there and unchanged, and that none was put in or taken out.

    In a bucket, its versions are looked at too: they show what was deleted or written again, the end included.
    Exit status: 0 proven, 1 broken, 2 it could not be verified.
    """
    with one_error(dsn="", as_json=as_json), aws_in(region, "to read the evidence"), progress("following the chain"):
        source = _source(bucket, region, database, copy)
        proof = prove(source.reader, source.database, explained=explained or ())
        if proof.records == 0 and proof.fault is None and not proof.explained:
            raise _nothing(source)
    verdict = "PROVEN" if proof.fault is None else "BROKEN"
    facts = {"verdict": verdict, "database": proof.database, "records": proof.records}
    facts |= {"newest_sha256": proof.newest_sha256, "fault": proof.fault, "explained": list(proof.explained)}
    answer(facts, as_json=as_json, lines=_proof_lines(proof, verdict))
    raise typer.Exit(EXIT_PASSED if proof.fault is None else EXIT_FAILED)


@app.command("list")
def list_records(
    bucket: _BucketName = None,
    region: _Region = None,
    database: _Database = None,
    copy: _Folder = None,
    as_json: Json = False,
) -> None:
    """List the records, newest first. It believes what they say: `dr evidence verify` proves them."""
    with one_error(dsn="", as_json=as_json), aws_in(region, "to read the evidence"), progress("reading the evidence"):
        source = _source(bucket, region, database, copy)
        keys = [key for key in source.reader.written(folder(source.database)) if is_record(key)]
        if not keys:
            raise _nothing(source)
        found = [(_name(key), _read(source.reader, key)) for key in keys]
    found.sort(key=lambda each: each[1].finished_at, reverse=True)
    facts = {
        "database": source.database,
        "records": [{"name": name, **evidence.model_dump(mode="json")} for name, evidence in found],
    }
    rows = [_row(name, evidence) for name, evidence in found]
    answer(facts, as_json=as_json, lines=aligned([_HEAD, *rows], styles=_STYLES))


@app.command()
def show(
    name: Annotated[str, typer.Argument(help="The record's name, as `dr evidence list` gives it.", show_default=False)],
    bucket: _BucketName = None,
    region: _Region = None,
    database: _Database = None,
    copy: _Folder = None,
    page: Annotated[
        Path | None, typer.Option(help="Also write the record as an HTML page.", show_default=False)
    ] = None,
    as_json: Json = False,
) -> None:
    """Show one record."""
    with one_error(dsn="", as_json=as_json), aws_in(region, "to read the evidence"):
        if page is not None:
            check_writable(page)
        source = _source(bucket, region, database, copy)
        key = record_key(source.database, name)
        if not is_record(key) or key not in source.reader.written(folder(source.database)):
            raise InputError(f"expected a record {name} in {source.place}, found none: `dr evidence list` names them")
        evidence = _read(source.reader, key)
        if page is not None:
            write_whole(page, page_of(evidence))
    answer(evidence.model_dump(mode="json"), as_json=as_json, lines=_record_lines(evidence))


def _source(bucket: str | None, region: str | None, database: str | None, copy: Path | None) -> _Source:
    if (bucket is None) == (copy is None):
        raise InputError("expected either --bucket or --folder, found " + ("neither" if bucket is None else "both"))
    if bucket is not None:
        if database is None:
            raise InputError("expected --database with --bucket, found none: it is the DB instance's identifier")
        reader = EvidenceBucket(client("s3", region), bucket)
        return _Source(reader, database, f"evidence/{database}/ of the bucket {bucket}")
    assert copy is not None  # noqa: S101 - one of the two is given
    root = copy / "evidence"
    known = sorted(path.name for path in root.iterdir() if path.is_dir()) if root.is_dir() else []
    if not known:
        raise InputError(
            f"expected a copy of the evidence bucket in {copy}, found no evidence/ with a database in it: copy it with"
            f" `aws s3 sync s3://BUCKET/evidence {root}`"
        )
    if database is None and len(known) > 1:
        raise InputError(f"expected --database, for {copy} holds the evidence of {', '.join(known)}")
    return _Source(EvidenceFolder(copy), database or known[0], str(root / (database or known[0])))


def _nothing(source: _Source) -> InputError:
    return InputError(f"expected evidence in {source.place}, found none: check the names")


def _read(reader: Reader, key: str) -> Evidence:
    try:
        return Evidence.model_validate_json(reader.read(key))
    except ValidationError as error:
        raise InputError(
            f"expected a record of evidence in {key}, found one that cannot be read ({error.errors()[0]['msg']}): `dr"
            " evidence verify` tells whether it was changed"
        ) from None


def _name(key: str) -> str:
    return key.rpartition("/")[2].removesuffix(".json")


def _row(name: str, evidence: Evidence) -> tuple[str, ...]:
    rtos = ", ".join(duration(each.rto_measured_seconds) for each in evidence.objectives)
    rpos = ", ".join(
        "not exercised" if each.rpo_target_seconds is None else duration(each.rpo_measured_seconds)
        for each in evidence.objectives
    )
    return (moment(evidence.finished_at), evidence.verdict, rtos, rpos, _drill(evidence), evidence.region or "", name)


def _drill(evidence: Evidence) -> str:
    return f"{evidence.drill} (lab)" if evidence.lab else evidence.drill


def _rpo(objective: ObjectiveResult) -> str:
    if objective.rpo_target_seconds is None:
        return "not exercised"
    return f"{duration(objective.rpo_measured_seconds)} of {duration(objective.rpo_target_seconds)}"


def _record_lines(evidence: Evidence) -> list[str | Text]:
    lines: list[str | Text] = [
        Text.assemble((evidence.verdict, _STYLES[evidence.verdict]), f" {_drill(evidence)} of {evidence.environment}"),
        f"restored {evidence.instance or 'nothing'} from {moment(evidence.started_at)} on, judged"
        f" {moment(evidence.finished_at)} by {evidence.ran_by}",
    ]
    lines += [
        f"tier {each.tier} ({each.name}): RTO {duration(each.rto_measured_seconds)} of"
        f" {duration(each.rto_target_seconds)}, RPO {_rpo(each)}"
        for each in evidence.objectives
    ]
    lines += [
        Text.assemble(
            (f"{check.status:<10}", _STYLES[check.status]),
            f" {check.name:<11} {'(optional, excused) ' if check.excused else ''}{check.detail}",
        )
        for check in evidence.checks
    ]
    lines += [f"note: {note}" for note in evidence.notes]
    return lines + [f"{name}: {version}" for name, version in evidence.versions.items()]


def _proof_lines(proof: Proof, verdict: str) -> list[str | Text]:
    style = _STYLES["PASS" if proof.fault is None else "FAIL"]
    known = [f"explained: {fault}" for fault in proof.explained]
    if proof.fault is not None:
        return [Text.assemble((verdict, style), f" after {proof.records} good records: {proof.fault}"), *known]
    but = " but what is explained" if known else ""
    return [
        Text.assemble(
            (verdict, style), f" {proof.records} records of {proof.database}, none changed, none missing{but}"
        ),
        *known,
        f"newest link {proof.newest_sha256}: noted elsewhere, it shows whether the end of a copy was cut off",
    ]

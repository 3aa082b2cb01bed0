"""``dr restore``: the database as it was at a moment, as a new instance beside it."""

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer
from botocore.exceptions import BotoCoreError, ClientError
from rich.text import Text

from operations.arguments import Json, read_past_time
from operations.aws import REGIONS, Environment, aws_in, client, names_and_region
from operations.terminal import EXIT_FAILED, EXIT_PASSED, STATUS_STYLES, answer, one_error, progress
from recovery.bootstrap import VERIFIER_ROLE
from recovery.evidence.page import duration
from recovery.instances import active_region, find_instance
from recovery.manifest_keys import newest_manifest_key
from recovery.names import DATABASE_NAME, Names
from recovery.objectives import FULL
from recovery.point_in_time import (
    AutomatedBackup,
    InstanceSettings,
    Restored,
    choose_backup,
    read_backups,
    read_settings,
    restored_identifier,
)
from recovery.point_in_time import restore as run_restore

if TYPE_CHECKING:
    from mypy_boto3_rds import RDSClient


def restore(
    environment: Environment,
    at: Annotated[
        str,
        typer.Option(metavar="TIME", help="The moment to restore, in ISO 8601 with a zone.", show_default=False),
    ],
    region: Annotated[
        str | None,
        typer.Option(help=f"Where to restore: {' or '.join(REGIONS)}.", show_default="where the product is served"),
    ] = None,
    as_json: Json = False,
) -> None:
    """Restore the database to a moment, as a new instance with the settings of the old one, and wait for it.

    In the recovery region it is restored from the backups replicated there, and nothing is asked of the primary one.
    Asked again, it goes on waiting for the same restore. Exit status: 0 restored, 1 refused or failed, 2 it could not.
    """
    with one_error(dsn="", as_json=as_json), progress("restoring") as step:
        # RDS restores to the second.
        moment = read_past_time("--at", at).replace(microsecond=0)
        names, where = names_and_region(environment, region)
        with aws_in(where, f"to restore {environment} in {where} ({_otherwise(names, where)})"):
            rds: RDSClient = client("rds", where)
            backup = choose_backup(read_backups(rds, names), moment, region=where, serving=_serving(rds, names))
            settings = read_settings(rds, client("ec2", where), names)
            identifier = restored_identifier(names, moment)
            step(identifier)
            restored = run_restore(rds, backup, settings, identifier=identifier, at=moment, progress=step)
        facts = _facts(names, where, moment, backup, settings, restored)
    answer(facts, as_json=as_json, lines=_lines(where, moment, backup, settings, restored, facts["next"]))
    raise typer.Exit(EXIT_PASSED if restored.available else EXIT_FAILED)


def _otherwise(names: Names, where: str) -> str:
    """What to do when the region stops answering."""
    if where == names.recovery_region:
        return "a restore that was begun goes on: ask again"
    return f"`--region {names.recovery_region}` restores from the backups there and asks {where} nothing"


def _serving(rds: "RDSClient", names: Names) -> str:
    """The instance that serves, as far as this region knows."""
    if rds.meta.region_name != names.recovery_region:
        return names.instance_identifier
    promoted = active_region(names, find_instance(rds, names.replica_identifier)) == names.recovery_region
    return names.replica_identifier if promoted else names.instance_identifier


def _facts(
    names: Names, region: str, at: datetime, backup: AutomatedBackup, settings: InstanceSettings, restored: Restored
) -> dict[str, Any]:
    return {
        "environment": names.environment,
        "region": region,
        "instance": restored.identifier,
        "status": restored.status,
        "restored_to": at.isoformat(),
        "backup": backup.arn,
        "replicated": backup.replicated,
        "resumed": restored.resumed,
        "requested_at": restored.requested_at.isoformat(),
        "seconds": round(restored.duration.total_seconds(), 1),
        "settings_of": settings.taken_from,
        "settings": settings.parameters,
        "encrypted": restored.encrypted,
        "host": restored.host,
        "port": restored.port,
        "engine_version": restored.engine_version,
        "next": _next_commands(names, region, at, settings, restored),
    }


def _next_commands(
    names: Names, region: str, at: datetime, settings: InstanceSettings, restored: Restored
) -> dict[str, list[str]]:
    """Commands to paste, by what they are for."""
    name, here = restored.identifier, f"--region {region}"
    remove = [
        f"aws rds modify-db-instance {here} --db-instance-identifier {name} --no-deletion-protection",
        f"aws rds delete-db-instance {here} --db-instance-identifier {name} --skip-final-snapshot"
        " --delete-automated-backups",
    ]
    if not restored.available:
        return {"remove": remove}
    request = {
        "dbInstanceIdentifier": name,
        "restoreStartedAt": restored.requested_at.isoformat(),
        "disasterTime": at.isoformat(),
    }
    machine = names.state_machine_arn(region)
    proof = [f"aws stepfunctions start-execution {here} --state-machine-arn {machine} --input '{json.dumps(request)}'"]
    manifest = f"s3://{names.evidence_bucket_name}/{_manifest(names, at)}"
    token = f"aws rds generate-db-auth-token {here} --hostname {restored.host} --port {restored.port}"
    dsn = f"host={restored.host} port={restored.port} dbname={DATABASE_NAME} user={VERIFIER_ROLE} sslmode=verify-full"
    return {
        **({"prove": proof} if settings.provable else {}),
        "prove from inside the network": [
            f"aws s3 cp --region {names.recovery_region} {manifest} manifest.json",
            f'PGPASSWORD="$({token} --username {VERIFIER_ROLE})" dr verify --dsn "{dsn}'
            f' sslrootcert=lambdas/certificates/rds.pem" --manifest manifest.json --disaster-time {at.isoformat()}',
        ],
        "remove": remove,
    }


def _manifest(names: Names, at: datetime) -> str:
    """The key of the newest manifest of before ``at``; where to look for it when nobody can say."""
    s3, folder = client("s3", names.recovery_region), names.instance_identifier
    try:
        found = newest_manifest_key(s3, bucket=names.evidence_bucket_name, database_identifier=folder, not_after=at)
    except (BotoCoreError, ClientError):
        found = None
    return found or f"manifests/{folder}/NAME"


def _lines(
    region: str,
    at: datetime,
    backup: AutomatedBackup,
    settings: InstanceSettings,
    restored: Restored,
    commands: dict[str, list[str]],
) -> list[str | Text]:
    took = duration(restored.duration.total_seconds())
    origin = f"the {'replicated ' if backup.replicated else ''}automated backup of {backup.identifier}"
    lines: list[str | Text] = [
        Text.assemble(
            (restored.status, STATUS_STYLES["passed" if restored.available else "failed"]),
            f" {restored.identifier} in {region}, {took} after it was asked for",
        ),
        f"{backup.identifier} as of {at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC, from {origin}",
        f"settings of {settings.taken_from}"
        if settings.taken_from
        else "settings by fixed names: the region has no instance to take them from; class and storage as backed up",
    ]
    if restored.available:
        allowed = duration(FULL.rto.total_seconds())
        lines.append(f"the RTO of tier 3, {allowed}, runs until it is proven")
    if not settings.provable:
        lines.append("the region's verification cannot reach it: the security group for restored instances is missing")
    for purpose, each in commands.items():
        lines += [f"{purpose}:", *(f"  {command}" for command in each)]
    return lines

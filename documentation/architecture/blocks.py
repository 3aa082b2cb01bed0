"""The blocks of the picture: each is found in a template, with the facts that stand there, or is not drawn."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from documentation.architecture.templates import Json, Templates, mentions
from recovery.names import Names

Side = Literal["primary", "recovery"]
Column = Literal["left", "right", "whole"]
_DAYS = {"SUN": "Sundays", "MON": "Mondays", "TUE": "Tuesdays", "WED": "Wednesdays", "THU": "Thursdays"} | {
    "FRI": "Fridays",
    "SAT": "Saturdays",
}
APPLICATION_STACK = {"primary": "Application", "recovery": "RecoveryStandby"}
ALARM_STACKS = {"primary": ("Observability", "Application"), "recovery": ("RecoveryStandby",)}
PROOF_STACK = {"primary": "Backup", "recovery": "RecoveryStandby"}


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a block is drawn. ``lane`` counts from the top; ``half`` is the upper or lower half of a lane."""

    side: Side
    lane: int
    column: Column
    half: int | None = None


@dataclass(frozen=True, kw_only=True)
class Block:
    """One box: what it is, two lines at most of what the templates say of it, and the stack that holds it."""

    name: str
    icon: str
    title: str
    lines: tuple[str, ...]
    stack: str
    place: Place


def blocks_of(templates: Templates, names: Names) -> dict[str, Block]:
    """Every block that the templates hold, by name."""
    makers: tuple[Callable[[Templates, Names], list[Block]], ...] = (
        _services, _pulse, _failover, _databases, _replicated, _vaults, _manifest, _verifications, _evidence, _devices,
        _alarms,
    )  # fmt: skip
    return {block.name: block for make in makers for block in make(templates, names)}


def when(schedule: str) -> str:
    """A schedule of AWS in words; as it stands when it is of no kind that we use."""
    if found := re.fullmatch(r"rate\(1 (\w+)\)", schedule):
        return f"every {found[1]}"
    if found := re.fullmatch(r"cron\((\d+) (\d+) (\S+) \* (\S+) \*\)", schedule):
        time = f"{int(found[2]):02}:{int(found[1]):02} UTC"
        if found[4] in _DAYS:
            return f"{_DAYS[found[4]]} {time}"
        return f"day {found[3]}, {time}" if found[3].isdigit() else f"daily {time}"
    return schedule


def _services(templates: Templates, names: Names) -> list[Block]:
    del names
    found: list[Block] = []
    titles: dict[Side, tuple[str, Column]] = {"primary": ("Application", "right"), "recovery": ("Pilot light", "left")}
    for side, (title, column) in titles.items():
        stack = APPLICATION_STACK[side]
        service = templates.find(stack, "AWS::ECS::Service", LaunchType="FARGATE")
        bounds = templates.find(stack, "AWS::ApplicationAutoScaling::ScalableTarget")
        if service is None or bounds is None:
            continue
        breaker = service["DeploymentConfiguration"].get("DeploymentCircuitBreaker", {})
        lines = [f"Fargate, {bounds['MinCapacity']} to {bounds['MaxCapacity']} tasks"]
        lines += ["rolls itself back"] if breaker.get("Rollback") else []
        place = Place(side=side, lane=0, column=column)
        found.append(
            Block(name=f"service-{side}", icon="containers", title=title, lines=tuple(lines), stack=stack, place=place)
        )
    return found


def _pulse(templates: Templates, names: Names) -> list[Block]:
    rule = templates.find("Database", "AWS::Events::Rule", Name=names.heartbeat_rule_name, State="ENABLED")
    if rule is None:
        return []
    lines = ("a chained row", when(rule["ScheduleExpression"]))
    place = Place(side="primary", lane=0, column="left")
    return [Block(name="pulse", icon="pulse", title="Pulse", lines=lines, stack="Database", place=place)]


def _failover(templates: Templates, names: Names) -> list[Block]:
    stack = "RecoveryStandby"
    if templates.find(stack, "AWS::StepFunctions::StateMachine", StateMachineName=names.failover_machine_name) is None:
        return []
    lines = ("fence, promote, prove,", "open, move the name")
    place = Place(side="recovery", lane=0, column="right")
    return [Block(name="failover", icon="switch", title="Failover machine", lines=lines, stack=stack, place=place)]


def _databases(templates: Templates, names: Names) -> list[Block]:
    found: list[Block] = []
    primary = templates.find("Database", "AWS::RDS::DBInstance", DBInstanceIdentifier=names.instance_identifier)
    if primary is not None:
        lines = (
            f"PostgreSQL {primary['EngineVersion']}{_zones(primary)}, {primary['DBInstanceClass']}",
            f"{primary['AllocatedStorage']} GiB, grows to {primary['MaxAllocatedStorage']}; encrypted",
            f"automated backups and log, {primary['BackupRetentionPeriod']} days",
        )
        place = Place(side="primary", lane=1, column="whole")
        found.append(
            Block(name="database", icon="database", title="Database", lines=lines, stack="Database", place=place)
        )
    replica = templates.find("RecoveryStandby", "AWS::RDS::DBInstance", DBInstanceIdentifier=names.replica_identifier)
    if replica is not None:
        lines = (f"{replica['DBInstanceClass']}{_zones(replica)}; promotable",)
        place = Place(side="recovery", lane=1, column="whole", half=0)
        stack = "RecoveryStandby"
        found.append(Block(name="replica", icon="database", title="Replica", lines=lines, stack=stack, place=place))
    return found


def _zones(instance: Json) -> str:
    return ", Multi-AZ" if instance.get("MultiAZ") else ""


def _replicated(templates: Templates, names: Names) -> list[Block]:
    primary = templates.find("Database", "AWS::RDS::DBInstance", AutomaticBackupReplicationRegion=names.recovery_region)
    if primary is None:
        return []
    lines = (f"any moment of the last {primary['AutomaticBackupReplicationRetentionPeriod']} days",)
    place = Place(side="recovery", lane=1, column="whole", half=1)
    title = "Replicated automated backups"
    return [Block(name="replicated", icon="clock", title=title, lines=lines, stack="Database", place=place)]


def _vaults(templates: Templates, names: Names) -> list[Block]:
    found: list[Block] = []
    plan = templates.find("Backup", "AWS::Backup::BackupPlan")
    rules: list[Json] = [] if plan is None else plan["BackupPlan"]["BackupPlanRule"]
    taken = "; ".join(f"{rule['RuleName']} {when(rule['ScheduleExpression'])}" for rule in rules)
    kept = sorted({rule["Lifecycle"]["DeleteAfterDays"] for rule in rules})
    days = f"kept {' or '.join(map(str, kept))} days" if kept else "nothing is taken"
    vaults: dict[Side, tuple[str, str, str]] = {
        "primary": ("Backup", names.primary_vault_name, "Locked vault"),
        "recovery": ("RecoveryFoundation", names.recovery_vault_name, "Locked vault of copies"),
    }
    for side, (stack, name, title) in vaults.items():
        vault = templates.find(stack, "AWS::Backup::BackupVault", BackupVaultName=name)
        if vault is None:
            continue
        lock = vault.get("LockConfiguration")
        guard = f"lock {lock['MinRetentionDays']} to {lock['MaxRetentionDays']} days" if lock else "no lock"
        lines = (taken, f"{days}, {guard}") if side == "primary" else (f"every snapshot, {days}", guard)
        place = Place(side=side, lane=2, column="whole")
        found.append(Block(name=f"vault-{side}", icon="lock", title=title, lines=lines, stack=stack, place=place))
    return found


def _manifest(templates: Templates, names: Names) -> list[Block]:
    rule = templates.find("Database", "AWS::Events::Rule", Name=names.manifest_rule_name, State="ENABLED")
    if rule is None:
        return []
    lines = ("prints of every row", when(rule["ScheduleExpression"]))
    place = Place(side="primary", lane=3, column="right")
    return [Block(name="manifest", icon="fingerprint", title="Manifest", lines=lines, stack="Database", place=place)]


def _verifications(templates: Templates, names: Names) -> list[Block]:
    found: list[Block] = []
    columns: dict[Side, Column] = {"primary": "left", "recovery": "right"}
    for side, column in columns.items():
        stack = PROOF_STACK[side]
        machine = templates.find(stack, "AWS::StepFunctions::StateMachine", StateMachineName=names.state_machine_name)
        plan = templates.find(stack, "AWS::Backup::RestoreTestingPlan")
        if machine is None or plan is None:
            continue
        lines = ("restores and checks", when(plan["ScheduleExpression"]))
        place = Place(side=side, lane=3, column=column)
        name = f"verification-{side}"
        found.append(Block(name=name, icon="check", title="Verification", lines=lines, stack=stack, place=place))
    return found


def _evidence(templates: Templates, names: Names) -> list[Block]:
    stack = "RecoveryFoundation"
    bucket = templates.find(stack, "AWS::S3::Bucket", BucketName=names.evidence_bucket_name)
    if bucket is None:
        return []
    rule = bucket.get("ObjectLockConfiguration", {}).get("Rule")
    lock = f"object lock, {rule['DefaultRetention']['Days']} days" if rule else "no lock"
    place = Place(side="recovery", lane=3, column="left")
    lines = ("manifests, verdicts", lock)
    return [Block(name="evidence", icon="document", title="Evidence", lines=lines, stack=stack, place=place)]


def _devices(templates: Templates, names: Names) -> list[Block]:
    found: list[Block] = []
    places: dict[Side, tuple[str, str, str]] = {
        "primary": ("DeviceBackups", names.device_bucket_name, "Device backups"),
        "recovery": ("RecoveryFoundation", names.device_replica_bucket_name, "Copies of device backups"),
    }
    for side, (stack, name, title) in places.items():
        bucket = templates.find(stack, "AWS::S3::Bucket", BucketName=name)
        if bucket is None:
            continue
        routes = [route["RouteKey"] for route in templates.all(stack, "AWS::ApiGatewayV2::Route")]
        writes = any(route.startswith(("DELETE", "PUT")) for route in routes)
        pool = templates.find(stack, "AWS::Cognito::UserPool") is not None
        kept = "versioned" if mentions(bucket.get("VersioningConfiguration"), "Enabled") else "without versions"
        api = f"encrypted by phones, {kept}; API of {len(routes)} routes"
        own = (
            "people sign in here; this API only reads" if pool and not writes else "phones back up, list, fetch, delete"
        )
        place = Place(side=side, lane=4, column="whole")
        found.append(
            Block(name=f"devices-{side}", icon="phone", title=title, lines=(api, own), stack=stack, place=place)
        )
    return found


def _alarms(templates: Templates, names: Names) -> list[Block]:
    found: list[Block] = []
    sides: tuple[Side, Side] = ("primary", "recovery")
    for side in sides:
        stacks = ALARM_STACKS[side]
        if templates.find(stacks[0], "AWS::SNS::Topic", TopicName=names.alarm_topic_name) is None:
            continue
        # Composites only decide which of these speak.
        number = sum(templates.count(stack, "AWS::CloudWatch::Alarm") for stack in stacks)
        place = Place(side=side, lane=5, column="whole")
        lines = (f"{number} alarms of its own, and events of AWS",)
        found.append(
            Block(name=f"alarms-{side}", icon="bell", title="Alarms", lines=lines, stack=stacks[0], place=place)
        )
    return found

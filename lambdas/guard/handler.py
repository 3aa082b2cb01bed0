"""The guard of a region: does what a failover asks of its database, service and pulse, and fences what was superseded.

EventBridge calls it without an action each minute, with the heartbeat. It then reads who is primary; a database that
takes writes although another region's epoch has begun is fenced, however that came about.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from lambdas.shared.aws import client, ecs, rds, secrets
from lambdas.shared.database import sign_in
from lambdas.shared.evidence_store import evidence_bucket
from lambdas.shared.metrics import COUNT, publish
from lambdas.shared.settings import DatabaseSettings, EvidenceSettings, NamesSettings
from recovery.database import Connection
from recovery.failover.epochs import Epoch, current_epoch
from recovery.failover.journal import as_payload
from recovery.failover.reconciliation import Changes, changes_since, compare
from recovery.failover.replication import replicate, replicate_backups
from recovery.failover.site import Clients, Site

logger = Logger()


@dataclass(frozen=True, kw_only=True)
class GuardSettings(NamesSettings, DatabaseSettings, EvidenceSettings):
    """Besides the database and the store: whose guard this is, and what it may open, close and scale."""

    aws_region: str
    clients_group: str
    instances_group: str
    least_tasks: int
    most_tasks: int


def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:  # noqa: ARG001 - Lambda's signature
    """Do ``event["action"]`` and answer with what it found; without one, look who is primary.

    Raises KeyError for an action that is none, and what the action raises.
    """
    settings = GuardSettings.read()
    site = _site(settings)
    action = event.get("action")
    if action is None:
        return _hold(site, settings)
    answer = _actions(site, settings)[action](event)
    logger.info("guard acted", extra={"action": action})
    return answer


def _actions(site: Site, settings: GuardSettings) -> dict[str, Callable[[dict[str, Any]], dict[str, Any]]]:
    return {
        "look": lambda _: as_payload(site.look()),
        "fence": lambda _: as_payload(site.fence()),
        "replayed": lambda event: {"done": site.replayed(event["position"])},
        "promote": lambda _: as_payload(site.promote()),
        "replicate": lambda event: as_payload(replicate(site, event["epoch"])),
        "replicate_backups": lambda event: as_payload(replicate_backups(site, event["resource_id"])),
        "adopt": lambda event: {
            "state": as_payload(site.adopt(Epoch.model_validate(event["epoch"]))),
            "host": settings.database_host,
            "port": settings.database_port,
        },
        "open": lambda _: as_payload(site.open()),
        "serve": lambda _: _done(site.serve_fully),
        "serving": lambda _: {"done": site.running_tasks() >= site.full_tasks[0]},
        "pulse": lambda event: _done(lambda: site.pulse(on=event["on"])),
        "changes": lambda event: _changes(site, event),
        "compare": lambda event: _compare(site, event),
    }


def _done(work: Callable[[], object]) -> dict[str, Any]:
    work()
    return {"done": True}


def _changes(site: Site, event: dict[str, Any]) -> dict[str, Any]:
    with site.connect() as connection:
        return as_payload(changes_since(connection, datetime.fromisoformat(event["since"]), event.get("after")))


def _compare(site: Site, event: dict[str, Any]) -> dict[str, Any]:
    with site.connect() as connection:
        return as_payload(compare(connection, Changes.model_validate(event["changes"])))


def _hold(site: Site, settings: GuardSettings) -> dict[str, Any]:
    """Fence the region when another is primary. An unreadable store fences nothing: its region may be the lost one."""
    epoch = current_epoch(evidence_bucket(settings), settings.database_identifier, first_region=settings.primary_region)
    superseded = epoch.region != site.region
    state = site.database() if superseded else None
    fenced = False
    if state is not None and not state.in_recovery and not state.fenced:
        report = site.fence()
        logger.warning("another region is primary: fenced", extra={"epoch": epoch.number, "report": as_payload(report)})
        fenced = report.database is not None
    publish(settings, {"GuardTurns": (COUNT, 1), "GuardFenced": (COUNT, int(fenced))})
    return {"epoch": epoch.number, "primary": epoch.region, "fenced": fenced}


def _site(settings: GuardSettings) -> Site:
    return Site(
        names=settings.names,
        region=settings.aws_region,
        clients=Clients(
            rds=rds(),
            secrets=secrets(),
            ecs=ecs(),
            events=client("events"),
            ec2=client("ec2"),
            ecr=client("ecr"),
            autoscaling=client("application-autoscaling"),
        ),
        connect=lambda: _sign_in(settings),
        clients_group=settings.clients_group,
        instances_group=settings.instances_group,
        full_tasks=(settings.least_tasks, settings.most_tasks),
    )


def _sign_in(settings: GuardSettings) -> Connection:
    """As the master, whose database it is: no other role may change the database's settings."""
    secret = json.loads(secrets().get_secret_value(SecretId=settings.names.master_secret_name)["SecretString"])
    return sign_in(
        host=settings.database_host,
        port=settings.database_port,
        database=settings.database_name,
        role=secret["username"],
        password=secret["password"],
        tls=settings.database_tls,
        application_name="duskspendr-guard",
    )

"""Measures what this region holds against a disaster: tasks, keys, the vault's lock, backups of the other region.

EventBridge calls it at MEASUREMENT_INTERVAL.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.exceptions import BotoCoreError, ClientError

from lambdas.shared.aws import backup, ecs, kms, rds
from lambdas.shared.metrics import COUNT, SECONDS, publish
from lambdas.shared.settings import NamesSettings
from recovery.measurements import keys_endangered, replicated_backup_age_seconds, tasks_missing, vaults_unlocked

logger = Logger()


class UnmeasuredError(RuntimeError):
    """Some of it could not be measured; the message says what and why. The rest was published."""


@dataclass(frozen=True, kw_only=True)
class RegionSettings(NamesSettings):
    """Whose region it is, and which keys and vault it must not lose."""

    vault_name: str
    key_arns: tuple[str, ...]


def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:  # noqa: ARG001 - Lambda's signature
    """Publish each measurement, and that there was a look; one that fails keeps none of the others back.

    Raises :class:`UnmeasuredError`.
    """
    settings = RegionSettings.read()
    measured: dict[str, tuple[MetricUnit, float]] = {}
    failures: list[str] = []
    for name, unit, measure in _measurements(settings):
        try:
            value = measure()
        except (BotoCoreError, ClientError, LookupError) as error:
            failures.append(f"{name}: {error}")
            continue
        if value is not None:
            measured[name] = (unit, value)
    publish(settings, measured | {"RegionMeasured": (COUNT, 1.0)})
    if failures:
        raise UnmeasuredError("; ".join(failures))
    return {name: value for name, (_, value) in measured.items()}


def _measurements(settings: RegionSettings) -> list[tuple[str, MetricUnit, Callable[[], float | None]]]:
    return [
        ("TasksMissing", COUNT, lambda: tasks_missing(ecs())),
        ("KeysEndangered", COUNT, lambda: keys_endangered(kms(), settings.key_arns)),
        ("VaultsUnlocked", COUNT, lambda: vaults_unlocked(backup(), settings.vault_name)),
        (
            "ReplicatedBackupAgeSeconds",
            SECONDS,
            lambda: replicated_backup_age_seconds(rds(), settings.names, now=datetime.now(UTC)),
        ),
    ]

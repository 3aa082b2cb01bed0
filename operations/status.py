"""``dr status``: one screen on whether the environment could be recovered now."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import typer
from botocore.exceptions import BotoCoreError, ClientError
from pydantic import ValidationError

from operations.arguments import Json
from operations.aws import Environment, aws_in, client, is_silence, names_anywhere, reason
from operations.status_screen import facts, open_alarms, screen
from operations.terminal import EXIT_FAILED, EXIT_PASSED, InputError, answer, one_error, progress
from recovery import status as states
from recovery.instances import find_instance
from recovery.names import RECOVERY_REGION, Names
from recovery.status import RegionAnswers, Status, Unanswered, findings

_QUESTIONS_AT_ONCE = 16


def status(environment: Environment, as_json: Json = False) -> None:
    """Show what could be recovered now, and what was measured last.

    Both regions are asked side by side; one that does not answer is one line. A tier that was never measured is a line
    under "to look at", as is all that is missing. Exit status: 0 all is well, 1 there is such a line or an open alarm,
    2 nobody could be asked, or there is no such environment.
    """
    with one_error(dsn="", as_json=as_json), progress("asking both regions"):
        with aws_in(RECOVERY_REGION, f"to find {environment}"):
            names = names_anywhere(environment)
        found = _ask(names)
        if found.primary.stacks == {} == found.recovery.stacks and not found.primary.instance:
            raise InputError(
                f"expected the environment {environment} in account {names.account}, found no stack of it in"
                f" {names.primary_region} or {names.recovery_region}: check --environment and AWS_PROFILE"
            )
    answer(facts(found), as_json=as_json, lines=screen(found))
    raise typer.Exit(EXIT_FAILED if findings(found) or open_alarms(found) else EXIT_PASSED)


def _ask(names: Names) -> Status:
    now = datetime.now(UTC)
    with ThreadPoolExecutor(_QUESTIONS_AT_ONCE) as pool:
        primary = _Asked(pool, names, names.primary_region, now)
        recovery = _Asked(pool, names, names.recovery_region, now)
        s3 = client("s3", names.recovery_region)
        evidence = _submit(pool, names.recovery_region, lambda: states.evidence(s3, names))
        return Status(
            names=names,
            now=now,
            primary=primary.answers(),
            recovery=recovery.answers(),
            evidence=evidence.result(),
        )


class _Asked:
    """The questions to one region, under way."""

    def __init__(self, pool: ThreadPoolExecutor, names: Names, region: str, now: datetime) -> None:
        self._region = region
        recovery = region == names.recovery_region
        identifier = names.identifier_in(region)
        vault = names.recovery_vault_name if recovery else names.primary_vault_name
        # Clients are safe to use from several threads, and not to make.
        cloudformation, rds = client("cloudformation", region), client("rds", region)
        backup, cloudwatch = client("backup", region), client("cloudwatch", region)
        questions: dict[str, Callable[[], Any]] = {
            "stacks": lambda: states.stacks(cloudformation, names),
            "instance": lambda: find_instance(rds, identifier),
            "automated_backup": lambda: states.automated_backup(rds, names),
            "snapshot": lambda: states.snapshot(backup, vault),
            "alarms": lambda: states.open_alarms(cloudwatch, names),
            "replica_lag": lambda: states.replica_lag(cloudwatch, identifier, now) if recovery else None,
        }
        self._asked = {part: _submit(pool, region, question) for part, question in questions.items()}

    def answers(self) -> RegionAnswers:
        return RegionAnswers(name=self._region, **{part: each.result() for part, each in self._asked.items()})


def _submit(pool: ThreadPoolExecutor, region: str, question: Callable[[], Any]) -> "Future[Any]":
    def ask() -> Any:  # noqa: ANN401 - whatever the question answers
        try:
            return question()
        except (ClientError, BotoCoreError) as error:
            return Unanswered(reason(error, region), silent=is_silence(error))
        except ValidationError as error:
            return Unanswered(f"a record is damaged ({error.errors()[0]['msg']})", silent=False)

    return pool.submit(ask)

"""``dr failover`` and ``dr failback``: start, approve, cancel, resume, look, reconcile."""

# pyright: reportUnknownMemberType=false
# boto3-stubs types the clients it is installed for; the overloads of all others are unknown.

import json
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Annotated, Any

import typer
from botocore.exceptions import BotoCoreError, ClientError
from rich.text import Text

from operations.arguments import Json, read_disaster_time
from operations.aws import client
from operations.terminal import EXIT_FAILED, EXIT_PASSED, InputError, answer, one_error, progress
from recovery.failover.execution import FailoverMachine
from recovery.failover.preflight import Direction
from recovery.failover.reconciliation import Reconciliation
from recovery.names import PRIMARY_REGION, RECOVERY_REGION, Names

Environment = Annotated[str, typer.Option("--environment", help="dev, staging or prod.", show_default=False)]
Token = Annotated[str, typer.Argument(help="The token of the message that asks for approval.", show_default=False)]
_Disaster = Annotated[
    str | None, typer.Option("--disaster-time", help="When the region was lost (ISO 8601 with a zone).")
]
_DryRun = Annotated[bool, typer.Option("--dry-run", help="Look, print findings and plan, and change nothing.")]
_Resume = Annotated[bool, typer.Option("--resume", help="Go on with the operation that stopped last.")]
_Unproven = Annotated[
    bool, typer.Option("--accept-unproven", help="Open the promoted database although a check did not pass.")
]
# A step may take as long as its function, and nothing here repeats it.
STEP_SECONDS = 890


class _Place:
    """The failover of one environment, in the recovery region alone: the primary's may be the one that is lost."""

    def __init__(self, environment: str) -> None:
        identity: dict[str, str] = client("sts", RECOVERY_REGION).get_caller_identity()
        self.person = identity["Arn"]
        self.names = Names(
            environment=environment,
            account=identity["Account"],
            primary_region=PRIMARY_REGION,
            recovery_region=RECOVERY_REGION,
        )
        self.machine = FailoverMachine(client("stepfunctions", RECOVERY_REGION), self.names.failover_machine_arn)

    def ask(self, step: str, request: dict[str, Any]) -> dict[str, Any]:
        """Let the machine's function do one step by itself."""
        functions = client("lambda", RECOVERY_REGION, read_seconds=STEP_SECONDS, attempts=1)
        payload = {"step": step, "input": request, "execution": "by-hand"}
        found = functions.invoke(FunctionName=self.names.failover_function_name, Payload=json.dumps(payload).encode())
        body = json.loads(found["Payload"].read() or b"{}")
        if "FunctionError" in found:
            raise InputError(f"{step} failed: {body.get('errorType')}: {body.get('errorMessage')}")
        return body


def _app(direction: Direction, description: str) -> typer.Typer:
    app = typer.Typer(invoke_without_command=True, help=description)

    @app.callback()
    def run(
        context: typer.Context,
        environment: Annotated[str | None, typer.Option(help="dev, staging or prod.", show_default=False)] = None,
        disaster_time: _Disaster = None,
        dry_run: _DryRun = False,
        resume: _Resume = False,
        accept_unproven: _Unproven = False,
        as_json: Json = False,
    ) -> None:
        """Start it and follow it; the message to the alarm topic asks a person to approve.

        Exit status: 0 it went to its end, 1 it stopped or is blocked, 2 it could not be started.
        """
        if context.invoked_subcommand is not None:
            return
        with one_error(dsn="", as_json=as_json), _told():
            if environment is None:
                raise InputError("expected --environment, found none: dev, staging or prod")
            if dry_run and resume:
                raise InputError("expected either --dry-run or --resume, found both")
            moment = read_disaster_time(disaster_time) if disaster_time else None
            place = _Place(environment)
            if dry_run:
                code = _look(place, direction, as_json=as_json)
            else:
                begin: Callable[[], str] = lambda: (  # noqa: E731 - one of two ways to begin
                    place.machine.resume(direction, accept_unproven=accept_unproven)
                    if resume
                    else place.machine.start(direction, disaster_time=moment, accept_unproven=accept_unproven)
                )
                code = _follow(place, direction, environment, begin(), as_json=as_json)
        raise typer.Exit(code)

    @app.command()
    def approve(token: Token, environment: Environment, as_json: Json = False) -> None:
        """Let the operation that asked go on."""
        with one_error(dsn="", as_json=as_json), _told():
            place = _Place(environment)
            place.machine.approve(token, place.person)
        answer({"approved_by": place.person}, as_json=as_json, lines=[f"approved by {place.person}"])

    @app.command()
    def cancel(token: Token, environment: Environment, as_json: Json = False) -> None:
        """End the operation that asked; nothing was changed."""
        with one_error(dsn="", as_json=as_json), _told():
            place = _Place(environment)
            place.machine.cancel(token, place.person)
        answer({"cancelled_by": place.person}, as_json=as_json, lines=[f"cancelled by {place.person}"])

    @app.command()
    def reconcile(
        operation: Annotated[str, typer.Argument(help="The operation, as the message names it.", show_default=False)],
        environment: Environment,
        as_json: Json = False,
    ) -> None:
        """Report the rows that only the old primary has, once its region answers again.

        Exit status: 0 there is a report, or nothing to report, 1 the region does not answer yet, 2 the question failed.
        """
        with one_error(dsn="", as_json=as_json), _told():
            found = _Place(environment).ask("reconcile", {"operation": operation, "direction": direction})
        answer(found, as_json=as_json, lines=_report_lines(found))
        raise typer.Exit(EXIT_PASSED if found["report"] or not found["needed"] else EXIT_FAILED)

    return app


def _look(place: _Place, direction: Direction, *, as_json: bool) -> int:
    found = place.ask("look", {"operation": "look", "direction": direction})
    loss = found["expected_loss_seconds"]
    lines: list[str | Text] = [
        f"expected loss if {found['preflight']['old_region']} gives nothing any more:"
        f" {'unmeasured' if loss is None else f'{loss:.0f} s'}"
    ]
    lines += [
        Text.assemble(("blocking " if each["blocking"] else "to know  ", "bold red" if each["blocking"] else "yellow"),
                      each["sentence"])
        for each in found["findings"]
    ]  # fmt: skip
    lines += [f"{number}. {step}" for number, step in enumerate(found["plan"], start=1)]
    answer(found, as_json=as_json, lines=lines)
    return EXIT_FAILED if found["blocked"] else EXIT_PASSED


def _follow(place: _Place, direction: Direction, environment: str, execution: str, *, as_json: bool) -> int:
    with progress(f"{direction} of {environment}") as tell:
        ended = place.machine.follow(execution, tell)
    facts = {"execution": execution, "status": ended.status, "error": ended.error, "cause": ended.cause}
    if ended.succeeded:
        lines: list[str | Text] = [f"{direction} of {environment} is done: `dr evidence list` shows its record"]
        new_region = place.names.recovery_region if direction == "failover" else place.names.primary_region
        lines.append(f'set active_region="{new_region}" in environments.py and deploy: alarms and scaling follow')
    else:
        lines = [Text(f"{ended.status} {ended.error or ''}", style="bold red"), ended.cause or "no cause was given"]
    answer(facts, as_json=as_json, lines=lines)
    return EXIT_PASSED if ended.succeeded else EXIT_FAILED


def _report_lines(found: dict[str, Any]) -> list[str | Text]:
    lines: list[str | Text] = [found["summary"]]
    if found["report"]:
        for table in Reconciliation.model_validate(found["report"]).tables:
            for kind, keys in (("missing", table.missing), ("different", table.different)):
                lines += [f"{table.table} {kind}: {', '.join(key)}" for key in keys]
    return lines


@contextmanager
def _told() -> Generator[None]:
    """Say in one line what AWS refuses. Raises :class:`InputError` for it."""
    try:
        yield
    except (ClientError, BotoCoreError) as error:
        raise InputError(
            f"expected to reach the failover machine in {RECOVERY_REGION}, found: {error}: check --environment, the AWS"
            " credentials and that RecoveryStandby is deployed"
        ) from None


failover = _app("failover", "Make the recovery region the primary.")
failback = _app("failback", "Make the first region the primary again: a new replica there, then the switch.")

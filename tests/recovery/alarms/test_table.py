"""The table of alarms: whole, without contradictions, and computed from the objectives."""

import re
import shlex
from collections import Counter
from dataclasses import replace
from graphlib import CycleError
from typing import get_args

import pytest
import typer
from typer.core import TyperGroup

from operations.cli import app
from recovery import objectives
from recovery.alarms import ALARMS, CAUSES, EVENTS, Alarm, Cause, Signal, cause_of, groups_in, values_of
from recovery.alarms.model import Stands
from recovery.alarms.table import Role, in_order, is_composite, quiet_because_of
from recovery.alarms.values import DEPLOYED, fill
from recovery.names import PRIMARY_REGION, RECOVERY_REGION, Names

SIGNALS: tuple[Signal, ...] = (*ALARMS, *EVENTS)
NAMES = Names(environment="prod", account="123456789012")
# What a message adds when it is written.
AT_THE_TIME = {"before": "2026-11-01T05:59:00Z", "began_day": "2026-10-31", "now": "2026-11-01T06:00:00Z", "job": "J"}
KNOWN_COMMANDS = {
    "status",
    "failover",
    "failback",
    "rollback",
    "reconcile",
    "restore",
    "recovery-points",
    "list",
    "verify",
}
PLACES: list[tuple[Role, bool]] = [("primary", True), ("recovery", False), ("primary", False), ("recovery", True)]

named = pytest.mark.parametrize("signal", SIGNALS, ids=lambda signal: signal.subject)


def test_names_are_used_once() -> None:
    names = Counter([signal.subject for signal in SIGNALS] + [f"cause-{cause.name}" for cause in CAUSES])
    assert [name for name, times in names.items() if times > 1] == []


def test_every_cause_has_signals_and_every_signal_a_cause() -> None:
    assert {signal.cause for signal in SIGNALS} == {cause.name for cause in CAUSES}
    for cause in CAUSES:
        assert all(cause_of(name) for name in cause.because_of), cause.name


def test_alarms_of_one_cause_wake_or_do_not() -> None:
    for cause in CAUSES:
        assert len({alarm.severity for alarm in ALARMS if alarm.cause == cause.name}) <= 1, cause.name


def test_every_place_has_something_standing() -> None:
    assert {signal.stands for signal in SIGNALS} == set(get_args(Stands))


@named
def test_texts_are_filled_by_names_that_both_regions_know(signal: Signal) -> None:
    for region in (PRIMARY_REGION, RECOVERY_REGION):
        values = values_of(NAMES, region) | AT_THE_TIME
        for text in (signal.happened, signal.proof, *signal.commands):
            assert "{" not in fill(text, values)


@named
def test_first_command_is_ready_to_paste(signal: Signal) -> None:
    assert signal.commands
    assert not re.search(r"\b(ARN|URL|KEY|TIME)\b", signal.commands[0])


@named
def test_commands_of_dr_are_ones_it_has(signal: Signal) -> None:
    for command in signal.commands:
        words = shlex.split(fill(command, values_of(NAMES, PRIMARY_REGION) | AT_THE_TIME))
        if words[0] == "dr":
            parse(words[1:])


def parse(words: list[str]) -> None:
    """Let the real parser read the words, and run nothing."""
    command = typer.main.get_command(app)
    while isinstance(command, TyperGroup) and words and words[0] in command.commands:
        command = command.commands[words.pop(0)]
    # An option it does not know, or one that is missing, raises here; so does a word that is left over.
    context = command.make_context("dr", words)
    assert command.name in KNOWN_COMMANDS, words
    assert not context.args, words


def test_a_command_that_dr_does_not_have_is_noticed() -> None:
    for wrong in (["fail-over"], ["status", "--env", "prod"], ["status"], ["status", "--environment", "prod", "now"]):
        with pytest.raises(Exception, match=r"fail-over|--env|environment|now"):
            parse(wrong)


@pytest.mark.parametrize("alarm", ALARMS, ids=lambda alarm: alarm.subject)
def test_cloudwatch_takes_the_span_of_every_alarm(alarm: Alarm) -> None:
    assert alarm.delay.total_seconds() <= 86_400
    assert alarm.metric.period.total_seconds() % 60 == 0


def test_names_that_only_a_deployment_knows_are_listed() -> None:
    known = values_of(NAMES, PRIMARY_REGION).keys() | {"allocated_bytes"}
    texts = [value for alarm in ALARMS for _, value in alarm.metric.dimensions]
    texts += [each for event in EVENTS for values in event.detail.values() for each in values]
    assert {name for text in texts for name in re.findall(r"{(\w+)}", text)} - known == set(DEPLOYED)


def test_lag_speaks_while_there_is_still_time_to_act() -> None:
    limits = {alarm.subject: alarm.limit for alarm in ALARMS}
    for subject in ("replica-late", "replica-lag", "replicated-backups-late"):
        assert limits[subject] == objectives.FULL_RPO.total_seconds() / 2


def test_primary_speaks_of_itself_before_the_other_region_does() -> None:
    delays = {alarm.subject: alarm.delay.total_seconds() + alarm.limit for alarm in ALARMS}
    assert delays["heartbeat-stopped"] < delays["primary-silent"] < objectives.FULL_RPO.total_seconds() / 2


@pytest.mark.parametrize(("role", "serving"), PLACES)
def test_one_alarm_speaks_for_each_cause(role: Role, serving: bool) -> None:
    groups = groups_in(role, serving=serving)
    assert {alarm.subject for members in groups.values() for alarm in members} >= {"canary", "vault-unlocked"}
    for cause, members in groups.items():
        assert is_composite(cause, groups) == (len(members) > 1 or bool(quiet_because_of(cause, groups)))


def test_loss_of_the_primary_pages_from_the_recovery_region() -> None:
    standing = {alarm.subject: alarm for members in groups_in("recovery", serving=False).values() for alarm in members}
    assert (standing["primary-silent"].severity, standing["primary-silent"].missing.mode) == ("page", "breaching")


def test_what_follows_from_a_dead_database_keeps_quiet() -> None:
    groups = groups_in("primary", serving=True)
    application = next(cause for cause in groups if cause.name == "application")
    assert [cause.name for cause in quiet_because_of(application, groups)] == ["database"]


@pytest.mark.parametrize(("role", "serving"), PLACES)
def test_cause_comes_after_those_that_keep_it_quiet(role: Role, serving: bool) -> None:
    groups = groups_in(role, serving=serving)
    order = in_order(groups)
    assert set(order) == set(groups)
    for cause in order:
        assert all(order.index(each) < order.index(cause) for each in quiet_because_of(cause, groups)), cause.name


def test_causes_that_keep_each_other_quiet_are_refused() -> None:
    a, b = (Cause(name=name, happened="-", because_of=(other,)) for name, other in (("a", "b"), ("b", "a")))
    with pytest.raises(CycleError):
        in_order({a: (), b: ()})


def test_what_a_silent_function_measures_is_missed_as_soon_as_itself() -> None:
    """Else its consequences would speak first, and be several."""
    delays = {alarm.subject: alarm.delay for alarm in ALARMS}
    for alarm in ALARMS:
        cause = cause_of(alarm.cause)
        assert cause is not None
        if "measures" in cause.because_of:
            assert delays["measures-silent"] <= alarm.delay + objectives.CAUSE_WAIT, alarm.subject


def test_alarm_needs_exactly_one_limit() -> None:
    for above, below in ((None, None), (1.0, 1.0)):
        with pytest.raises(ValueError, match="expected either above or below"):
            replace(ALARMS[0], above=above, below=below)

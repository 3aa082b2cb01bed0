"""Plans of AWS Backup: when they start, what they select, how long they keep."""

from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Any, cast

from recovery import windows
from recovery.guards.finding import Problem, Unknown
from recovery.guards.naming import arn_of
from recovery.guards.rule import Change, Says, number, rule, true
from recovery.guards.schedules import start_windows
from recovery.guards.sources import BACKUP, CLOUDFORMATION
from recovery.guards.templates import Resource, dig
from recovery.guards.unresolved import Unresolved
from recovery.guards.values import listed

PLAN = "AWS::Backup::BackupPlan"
RULES = "BackupPlan.BackupPlanRule"
# AWS Backup's own: eight hours to start, seven days to complete.
# https://docs.aws.amazon.com/aws-backup/latest/devguide/plan-options-and-configuration.html
DEFAULT_START_MINUTES, DEFAULT_COMPLETION_MINUTES = 480, 7 * 24 * 60
LEAST_START_MINUTES = 60
# A snapshot may not start in an RDS window or up to this long before one.
MINUTES_CLEAR_OF_WINDOW = 60
_SCHEDULES = f"{CLOUDFORMATION}aws-properties-backup-backupplan-backupruleresourcetype.html"
_WINDOWS = f"{BACKUP}troubleshooting.html"


def plan_rules(plan: Resource) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each rule of a plan with its path."""
    for index, found in enumerate(listed(plan.get(RULES))):
        if isinstance(found, dict):
            yield f"{RULES}.{index}", cast(dict[str, Any], found)


def selected_databases(plan: Resource) -> list[Resource]:
    """The instances of the templates that a plan may select, by ARN, by pattern or by tags."""
    found: list[Resource] = []
    for selection in plan.assembly.all("AWS::Backup::BackupSelection"):
        if plan.assembly.resource_of(selection.get("BackupPlanId")) is not plan:
            continue
        arns = listed(selection.get("BackupSelection.Resources"))
        patterns = [arn for arn in arns if isinstance(arn, str)]
        if len(patterns) < len(arns) or not arns:
            patterns = ["*"]
        for database in plan.assembly.all("AWS::RDS::DBInstance"):
            here = database.region == plan.region and database.stack.account == plan.stack.account
            if here and any(fnmatchcase(arn_of(database), pattern) for pattern in patterns):
                found.append(database)
    return found


def _starts(path: str, found: dict[str, Any]) -> list[windows.Minutes] | Unknown:
    schedule = found.get("ScheduleExpression", "cron(0 5 ? * * *)")
    zone = found.get("ScheduleExpressionTimezone", "UTC")
    minutes = number(found.get("StartWindowMinutes", DEFAULT_START_MINUTES))
    for value in (schedule, zone):
        if isinstance(value, Unresolved):
            return Unknown(f"{path}.ScheduleExpression", value.reason)
    if minutes is None:
        return Unknown(f"{path}.StartWindowMinutes", "its length is not known")
    try:
        return start_windows(str(schedule), int(minutes), str(zone))
    except ValueError as error:
        return Unknown(f"{path}.ScheduleExpression", str(error))


def _collides(plan: Resource, window: str) -> Says:
    for path, found in plan_rules(plan):
        starts = _starts(path, found)
        if isinstance(starts, Unknown):
            yield starts
            continue
        for database in selected_databases(plan):
            text = database.get(window)
            if text is None or isinstance(text, Unresolved):
                reason = "RDS chooses it" if text is None else text.reason
                yield Unknown(f"{path}.ScheduleExpression", f"{window} of {database.logical_id}: {reason}")
                continue
            try:
                taken = windows.occurrences(str(text).lower())
            except ValueError as error:
                yield Unknown(f"{path}.ScheduleExpression", f"{database.logical_id}: {error}")
                continue
            if windows.overlap(starts, [(start - MINUTES_CLEAR_OF_WINDOW, end) for start, end in taken]):
                zone = found.get("ScheduleExpressionTimezone", "UTC")
                minutes = found.get("StartWindowMinutes", DEFAULT_START_MINUTES)
                yield Problem(
                    f"{path}.ScheduleExpression",
                    f"{found.get('ScheduleExpression')} in {zone} with a start window of {minutes} minutes",
                    f"a start clear of {database.logical_id}'s {window} {text} UTC and of the hour before it",
                )


@rule(
    PLAN,
    trap=5,
    fix="Move the schedule or the database's backup window, or shorten the start window.",
    source=_WINDOWS,
    bad=Change("primary.Plan", f"{RULES}.0.ScheduleExpression", "cron(30 3 ? * SAT *)"),
)
def backup_in_database_window(plan: Resource) -> Says:
    """A start window of a backup keeps clear of the database's own backup window and of the hour before it.

    AWS Backup fails a job that falls into it: the plan looks complete and the vault stays empty, until a restore
    needs it.
    """
    yield from _collides(plan, "PreferredBackupWindow")


@rule(
    PLAN,
    trap=5,
    fix="Move the schedule or the database's maintenance window, or shorten the start window.",
    source=_WINDOWS,
    bad=Change("primary.Plan", f"{RULES}.0.ScheduleExpression", "cron(0 4 ? * SUN *)"),
)
def backup_in_maintenance_window(plan: Resource) -> Says:
    """A start window of a backup keeps clear of the database's maintenance window and of the hour before it.

    AWS Backup fails a job that falls into it: every week's snapshot is missing, and nobody looks before the disaster.
    """
    yield from _collides(plan, "PreferredMaintenanceWindow")


@rule(
    PLAN,
    trap=5,
    fix="Give the rules start windows that can never meet, on any weekday that a day of the month may fall on.",
    source=f"{BACKUP}about-backup-plans.html",
    bad=Change("primary.Plan", f"{RULES}.1.ScheduleExpression", "cron(30 18 1 * ? *)"),
)
def backup_rules_overlap(plan: Resource) -> Says:
    """The start windows of a plan's rules never meet.

    Of two rules that overlap AWS Backup keeps only the backup that lives longer: a weekly or monthly snapshot is
    missing in just those weeks in which the calendars meet.
    """
    known = [(path, found, _starts(path, found)) for path, found in plan_rules(plan)]
    for index, (path, found, starts) in enumerate(known):
        for _, other, others in known[:index]:
            if isinstance(starts, Unknown) or isinstance(others, Unknown):
                yield Unknown(path, "the schedules cannot be compared")
            elif windows.overlap(starts, others):
                yield Problem(
                    f"{path}.ScheduleExpression",
                    found.get("ScheduleExpression"),
                    f"a start window clear of {other.get('RuleName')}'s at {other.get('ScheduleExpression')}",
                )


@rule(
    PLAN,
    trap=5,
    fix="Set StartWindowMinutes to 60 or more, or leave it out.",
    source=_SCHEDULES,
    bad=Change("primary.Plan", f"{RULES}.0.StartWindowMinutes", 30),
)
def backup_start_window(plan: Resource) -> Says:
    """A start window is at least an hour.

    AWS Backup accepts no shorter one: the deployment fails, and the environment stands without any backup plan.
    """
    for path, found in plan_rules(plan):
        minutes = number(found.get("StartWindowMinutes"))
        if minutes is not None and minutes < LEAST_START_MINUTES:
            yield Problem(f"{path}.StartWindowMinutes", f"{minutes:g}", f"{LEAST_START_MINUTES} minutes or more")


@rule(
    PLAN,
    trap=5,
    fix="Give the job longer than its start window, by what a backup takes.",
    source=f"{BACKUP}plan-options-and-configuration.html",
    bad=Change("primary.Plan", f"{RULES}.0.CompletionWindowMinutes", 60),
)
def backup_completion_window(plan: Resource) -> Says:
    """A backup has longer to complete than to start.

    Both are counted from the schedule: a job that starts late is cancelled before it can finish.
    """
    for path, found in plan_rules(plan):
        start = number(found.get("StartWindowMinutes", DEFAULT_START_MINUTES))
        complete = number(found.get("CompletionWindowMinutes", DEFAULT_COMPLETION_MINUTES))
        if start is not None and complete is not None and complete <= start:
            yield Problem(f"{path}.CompletionWindowMinutes", f"{complete:g}", f"more than {start:g} minutes")


@rule(
    PLAN,
    trap=6,
    fix="Leave EnableContinuousBackup out for databases and keep RDS's own retention and window.",
    source=f"{BACKUP}point-in-time-recovery.html",
    bad=Change("primary.Plan", f"{RULES}.0.EnableContinuousBackup", value=True),
)
def backup_continuous_on_database(plan: Resource) -> Says:
    """A plan that selects databases leaves continuous backup to RDS.

    Continuous backup takes over the instance's own backup window and retention: the point-in-time recovery that was
    promised is then the plan's, and ends when the plan or the selection goes.
    """
    databases = selected_databases(plan)
    for path, found in plan_rules(plan):
        if true(found.get("EnableContinuousBackup")) and databases:
            names = ", ".join(database.logical_id for database in databases)
            yield Problem(f"{path}.EnableContinuousBackup", "true", f"no continuous backup of {names}")


@rule(
    PLAN,
    fix="Remove MoveToColdStorageAfterDays from rules that select databases.",
    source=f"{BACKUP}backup-feature-availability.html",
    bad=Change("primary.Plan", f"{RULES}.0.Lifecycle.MoveToColdStorageAfterDays", 30),
)
def backup_in_cold_storage(plan: Resource) -> Says:
    """A plan for databases moves nothing to cold storage.

    RDS has none: the saving that was planned never comes, and the retention that was reckoned with it is another.
    """
    databases = selected_databases(plan)
    for path, found in plan_rules(plan):
        days = dig(found, "Lifecycle.MoveToColdStorageAfterDays")
        if days is not None and databases:
            yield Problem(f"{path}.Lifecycle.MoveToColdStorageAfterDays", days, "no move to cold storage")


@rule(
    "AWS::Backup::BackupSelection",
    fix="Name the resource by its ARN in Resources; tags may select more besides.",
    source=f"{BACKUP}assigning-resources.html",
    bad=Change("primary.Selection", "BackupSelection.Resources", []),
)
def backup_selected_by_tag_only(selection: Resource) -> Says:
    """A selection names what it protects by ARN.

    A selection by tags alone obeys the account's opt-in of services and whoever forgets a tag: the database drops out
    of its backups without an error.
    """
    if not listed(selection.get("BackupSelection.Resources")):
        yield Problem("BackupSelection.Resources", None, "the ARN of each resource that has to be protected")


@rule(
    PLAN,
    fix="Add a BackupSelection whose BackupPlanId is this plan.",
    source=f"{BACKUP}assigning-resources.html",
    bad=Change("primary.Selection", "BackupPlanId", "another"),
)
def backup_plan_selects_nothing(plan: Resource) -> Says:
    """A plan has a selection.

    A plan without one runs on schedule, succeeds and backs nothing up.
    """
    selections = list(plan.assembly.all("AWS::Backup::BackupSelection"))
    plans = [selection.get("BackupPlanId") for selection in selections]
    if any(plan.assembly.resource_of(found) is plan for found in plans):
        return
    if any(isinstance(found, Unresolved) for found in plans):
        yield Unknown("", "a selection's plan is given at deploy")
        return
    yield Problem("", None, "a BackupSelection of this plan")

"""One check on its own, as the state machine runs it: divided, asked part by part, concluded."""

from recovery.check_results import CheckResult
from recovery.checks import CheckContext
from recovery.verification import STATEMENT_TIMEOUT_SECONDS, Target, conclude, plan_checks, run_part


def run_check_at(
    target: Target, name: str, context: CheckContext, *, timeout: float = STATEMENT_TIMEOUT_SECONDS
) -> CheckResult:
    """The answer of the check ``name`` on the database that ``target`` reaches."""
    parts = plan_checks(target, context, checks=[name], statement_timeout_seconds=timeout)
    results = {
        number: run_part(target, part, context, statement_timeout_seconds=timeout) for number, part in enumerate(parts)
    }
    (result,) = conclude(context, parts, results, checks=[name])
    return result

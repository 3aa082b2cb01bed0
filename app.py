"""Builds one Stage per environment and synthesizes; nothing else.

``-c environment=NAME`` chooses one environment; without it all that are meant for AWS are built. A setting that cannot
be deployed ends the program with status 2 and one message; a finding of the checks ends it with status 1.
"""

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from aws_cdk import App, Validations
from cdk_nag import AwsSolutionsChecks

if TYPE_CHECKING:
    from environments import Environment


def chosen_environments(app: App) -> "list[Environment]":
    """The environments that the context asks for. Raises ValueError for a setting that cannot be deployed."""
    # Imported here, because the environments are validated while their module is loaded.
    from environments import select

    def mapping(key: str) -> Mapping[str, Any]:
        value: object = app.node.try_get_context(key) or {}
        if not isinstance(value, Mapping):
            raise ValueError(
                f"context {key!r}: expected a map from environment to value, found {value!r}. See cdk.json."
            )
        return cast(Mapping[str, Any], value)

    return select(
        cast("str | None", app.node.try_get_context("environment")),
        accounts=mapping("accounts"),
        hosted_zones=mapping("hosted_zones"),
        images=mapping("images"),
        sign_ins=mapping("sign_in"),
        default_account=os.environ.get("CDK_DEFAULT_ACCOUNT"),
    )


def populate(app: App) -> None:
    """Add a Stage for each chosen environment, and the checks that stop the synthesis of what is not safe."""
    chosen = chosen_environments(app)
    from continuity.recovery_guards import RecoveryGuards
    from stacks.recovery_stage import RecoveryStage

    for environment in chosen:
        RecoveryStage(app, environment)
    Validations.of(app).add_plugins(AwsSolutionsChecks(app), RecoveryGuards())


def main() -> None:
    """Synthesize into the folder that the CDK names."""
    app = App()
    try:
        populate(app)
    except ValueError as error:
        print(f"The settings cannot be deployed. {error}", file=sys.stderr)  # noqa: T201 - a command's answer
        sys.exit(2)
    refuse_unsafe(Path(app.synth().directory))


def refuse_unsafe(assembly: Path) -> None:
    """End with status 1 when a check found something: beneath the CLI, the library only notes that in its report."""
    # Whoever switches validation off (CDK_VALIDATION=false) goes without cdk-nag and CloudFormation's own checks, but
    # not without the guards.
    report: dict[str, Any] = json.loads((assembly / "validation-report.json").read_text())
    found = [
        f"{violation['ruleName']}: {violation['description']}"
        f" ({', '.join(str(each.get('constructPath')) for each in violation['violatingConstructs'])})"
        for plugin in report["pluginReports"]
        if plugin["conclusion"] != "success"
        for violation in plugin["violations"]
    ]
    if found:
        print("\n".join(["The templates are not safe to deploy.", *found]), file=sys.stderr)  # noqa: T201
        sys.exit(1)


if __name__ == "__main__":
    main()

"""The guards as a plugin of the CDK: what fails at a deploy or in a disaster never leaves synth."""

from pathlib import Path
from typing import Any, cast

import jsii
from aws_cdk import (
    IPolicyValidationContext,
    IPolicyValidationPlugin,
    PolicyValidationPluginReport,
    PolicyViolatingResource,
    PolicyViolation,
)

from recovery.guards.checking import check
from recovery.guards.finding import PLUGIN, Finding
from recovery.guards.reading import parse
from recovery.guards.rule import RULES
from recovery.guards.templates import Assembly


@jsii.implements(IPolicyValidationPlugin)
class RecoveryGuards:
    """Asks every rule of ``dr guard`` over all stacks of the app together.

    The CDK itself takes out what is acknowledged beside a resource. Warnings are shown; errors stop the synthesis.
    """

    @property
    def name(self) -> str:
        """What the CDK's report calls it."""
        return PLUGIN

    @property
    def version(self) -> str:
        """No release of its own."""
        return "1.0.0"

    @property
    def rule_ids(self) -> list[str]:
        """The names of all rules."""
        return list(RULES)

    def validate(self, context: IPolicyValidationContext) -> PolicyValidationPluginReport:
        """What the rules say of the app's templates."""
        assembly, files = Assembly(), dict[str, str]()
        for stack in context.stack_templates:
            file = stack.template_path
            # The path, not the stack's own name: it is unique over all stages.
            known = assembly.add(
                stack.stack_construct_path.replace("/", "-"),
                cast(dict[str, Any], parse(Path(file).read_text(encoding="utf-8"), file)),
                file=file,
                known_region=stack.region,
                known_account=stack.account_id,
            )
            files[known.name] = file
        findings = check(assembly).findings
        return PolicyValidationPluginReport(
            success=not any(finding.severity == "error" for finding in findings),
            violations=[_violation(finding, files[finding.stack]) for finding in findings],
        )


def _violation(finding: Finding, file: str) -> PolicyViolation:
    return PolicyViolation(
        rule_name=finding.rule,
        description=f"Found {finding.found}, expected {finding.expected}. {finding.why}",
        fix=f"{finding.fix} {finding.source}",
        severity=finding.severity,
        violating_resources=[
            PolicyViolatingResource(
                resource_logical_id=finding.logical_id,
                template_path=file,
                locations=[f"Properties.{finding.path}" if finding.path else "Type"],
            )
        ],
    )

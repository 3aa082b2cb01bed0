"""Acknowledged findings, each beside its resource and with its reason."""

from collections.abc import Mapping

from aws_cdk import Acknowledgment, Validations
from constructs import IConstruct

from continuity.deployment import Deployment
from recovery.guards.finding import NAMESPACE

# What the guards say of data that a laboratory lets go with its stacks.
_GOES_WITH_ITS_STACK = ("data-deleted-with-stack", "data-deleted-by-replacement")


def acknowledge_template(construct: IConstruct, rule: str, reason: str) -> None:
    """Acknowledge a finding of CloudFormation's own checks of the template, such as W3010."""
    Validations.of(construct).acknowledge(Acknowledgment(id=f"CloudFormation-Validate::{rule}", reason=reason))


def acknowledge(construct: IConstruct, reasons: Mapping[str, str]) -> None:
    """Acknowledge findings of cdk-nag, named by rule or rule[finding], on ``construct`` and what it contains."""
    acknowledgments = (Acknowledgment(id=f"AwsSolutions-{rule}", reason=reason) for rule, reason in reasons.items())
    Validations.of(construct).acknowledge(*acknowledgments)


def acknowledge_guards(construct: IConstruct, reasons: Mapping[str, str]) -> None:
    """Acknowledge findings of the guards (docs/guards.md), named by rule, on ``construct`` and what it contains."""
    acknowledgments = (Acknowledgment(id=f"{NAMESPACE}::{rule}", reason=reason) for rule, reason in reasons.items())
    Validations.of(construct).acknowledge(*acknowledgments)


def acknowledge_expendable(construct: IConstruct, deployment: Deployment, *rules: str) -> None:
    """Acknowledge that a destroyable deployment's data goes with its stack; no other may say so.

    ``rules`` are those that it breaks besides, for the same reason.
    """
    if deployment.destroyable:
        reason = "This deployment is a laboratory's, made to be destroyed with all its data."
        acknowledge_guards(construct, dict.fromkeys((*_GOES_WITH_ITS_STACK, *rules), reason))

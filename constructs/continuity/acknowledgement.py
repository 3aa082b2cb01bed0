"""Acknowledged findings, each beside its resource and with its reason."""

from collections.abc import Mapping

from aws_cdk import Acknowledgment, Validations
from constructs import IConstruct


def acknowledge_template(construct: IConstruct, rule: str, reason: str) -> None:
    """Acknowledge a finding of CloudFormation's own checks of the template, such as W3010."""
    Validations.of(construct).acknowledge(Acknowledgment(id=f"CloudFormation-Validate::{rule}", reason=reason))


def acknowledge(construct: IConstruct, reasons: Mapping[str, str]) -> None:
    """Acknowledge findings of cdk-nag, named by rule or rule[finding], on ``construct`` and what it contains."""
    acknowledgments = (Acknowledgment(id=f"AwsSolutions-{rule}", reason=reason) for rule, reason in reasons.items())
    Validations.of(construct).acknowledge(*acknowledgments)

"""What all stacks have in common: one account, one region, and protection against deletion."""

from typing import TypedDict

import jsii
from aws_cdk import Environment, Stack
from constructs import Construct

from continuity.deployment import Deployment


class Place(TypedDict):
    """The arguments that put a stack of a deployment into a region."""

    deployment: Deployment
    region: str


class RegionalStack(Stack):
    """A stack in ``region`` of the deployment's account, which only a destroyable deployment lets go."""

    def __init__(self, scope: Construct, id: str, *, deployment: Deployment, region: str) -> None:  # noqa: A002
        super().__init__(
            scope,
            id,
            env=Environment(account=deployment.names.account, region=region),
            termination_protection=not deployment.destroyable,
        )

    @property
    @jsii.member(jsii_name="availabilityZones")
    def availability_zones(self) -> list[str]:
        """Zones a and b, which both regions have; asking AWS at synth would need credentials."""
        return [f"{self.region}a", f"{self.region}b"]

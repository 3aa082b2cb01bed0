"""A region's VPC: public, private and isolated database subnets in two zones, with a NAT gateway each."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import jsii
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_logs as logs
from constructs import Construct

from continuity.acknowledgement import acknowledge_template
from continuity.deployment import Deployment

PUBLIC, PRIVATE, DATABASE = "Public", "Private", "Database"
# The third octets of a region's subnets, one a zone (product context, row "network").
_OCTETS = {PUBLIC: (1, 2), PRIVATE: (10, 20), DATABASE: (100, 200)}


@jsii.implements(ec2.IIpAddresses)
class _FixedAddresses:
    """Subnet addresses as the product context gives them; the CDK's own allocator only counts upwards."""

    def __init__(self, second_octet: int) -> None:
        self._prefix = f"10.{second_octet}"

    @jsii.member(jsii_name="allocateVpcCidr")
    def allocate_vpc_cidr(self) -> ec2.VpcIpamOptions:
        return ec2.VpcIpamOptions(cidr_block=f"{self._prefix}.0.0/16")

    @jsii.member(jsii_name="allocateSubnetsCidr")
    def allocate_subnets_cidr(
        self,
        *,
        requested_subnets: Sequence[ec2.RequestedSubnet],
        vpc_cidr: str,  # noqa: ARG002 - part of the interface
    ) -> ec2.SubnetIpamOptions:
        names = [subnet.configuration.name for subnet in requested_subnets]
        octets = [_OCTETS[name][names[:place].count(name)] for place, name in enumerate(names)]
        return ec2.SubnetIpamOptions(
            allocated_subnets=[ec2.AllocatedSubnet(cidr=f"{self._prefix}.{octet}.0/24") for octet in octets]
        )


@dataclass(frozen=True, kw_only=True)
class Subnets:
    """How to select a tier of subnets in any VPC of this module."""

    public = ec2.SubnetSelection(subnet_group_name=PUBLIC)
    private = ec2.SubnetSelection(subnet_group_name=PRIVATE)
    database = ec2.SubnetSelection(subnet_group_name=DATABASE)


class RegionNetwork(Construct):
    """VPC ``10.{second_octet}.0.0/16`` in two zones, with flow logs and an S3 gateway endpoint."""

    def __init__(self, scope: Construct, id: str, *, deployment: Deployment, second_octet: int) -> None:  # noqa: A002
        super().__init__(scope, id)
        self.vpc = ec2.Vpc(
            self,
            "Vpc",
            ip_addresses=cast(ec2.IIpAddresses, _FixedAddresses(second_octet)),
            max_azs=2,
            nat_gateways=2,
            # The restriction would be a custom resource on Node; no resource here uses the default group.
            restrict_default_security_group=False,
            subnet_configuration=[
                ec2.SubnetConfiguration(
                    name=PUBLIC, subnet_type=ec2.SubnetType.PUBLIC, cidr_mask=24, map_public_ip_on_launch=False
                ),
                ec2.SubnetConfiguration(name=PRIVATE, subnet_type=ec2.SubnetType.PRIVATE_WITH_EGRESS, cidr_mask=24),
                ec2.SubnetConfiguration(name=DATABASE, subnet_type=ec2.SubnetType.PRIVATE_ISOLATED, cidr_mask=24),
            ],
        )
        acknowledge_template(
            self.vpc, "W3010", "The zones are named so that a synthesis needs neither credentials nor a look-up."
        )
        self.vpc.add_gateway_endpoint("S3", service=ec2.GatewayVpcEndpointAwsService.S3, subnets=[Subnets.private])
        flow_logs = logs.LogGroup(self, "FlowLogs", retention=deployment.log_retention, removal_policy=deployment.keep)
        self.vpc.add_flow_log("FlowLog", destination=ec2.FlowLogDestination.to_cloud_watch_logs(flow_logs))

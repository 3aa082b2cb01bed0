"""A Python function of ours, with the same parts everywhere: own role, own log group, time-out, metrics' names."""

from collections.abc import Mapping, Sequence

from aws_cdk import Duration, Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from continuity.acknowledgement import acknowledge
from continuity.deployment import Deployment
from continuity.interfaces import service_role
from continuity.lambda_code import staged_code
from continuity.lambda_layer import layer_digest, layer_folder
from continuity.network import Subnets
from recovery.names import METRIC_NAMESPACE

RUNTIME = lambda_.Runtime.PYTHON_3_13
_ENI_ACTIONS = [
    "ec2:AssignPrivateIpAddresses",
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:UnassignPrivateIpAddresses",
]


class PythonFunction(lambda_.Function):
    """The handler ``lambdas.{package}.handler.handler``, in ``vpc``'s private subnets when one is given.

    It has a ``name`` of ours only where another region has to find it.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002
        *,
        deployment: Deployment,
        package: str,
        description: str,
        timeout: Duration,
        environment: Mapping[str, str],
        memory_mib: int = 256,
        name: str | None = None,
        vpc: ec2.IVpc | None = None,
        security_groups: Sequence[ec2.ISecurityGroup] | None = None,
    ) -> None:
        log_group = logs.LogGroup(
            scope, f"{id}Logs", retention=deployment.log_retention, removal_policy=deployment.keep
        )
        role = _role(scope, f"{id}Role", log_group, in_vpc=vpc is not None)
        code, digest = staged_code()
        layers = [_dependencies(Stack.of(scope))] if deployment.bundle_lambda_dependencies and layer_folder() else []
        super().__init__(
            scope,
            id,
            function_name=name,
            runtime=RUNTIME,
            architecture=lambda_.Architecture.X86_64,
            handler=f"lambdas.{package}.handler.handler",
            code=lambda_.Code.from_asset(str(code), asset_hash=digest),
            description=description,
            timeout=timeout,
            memory_size=memory_mib,
            layers=layers,
            log_group=log_group,
            role=role,
            vpc=vpc,
            vpc_subnets=None if vpc is None else Subnets.private,
            security_groups=security_groups,
            environment={
                "ENVIRONMENT": deployment.names.environment,
                "METRIC_NAMESPACE": METRIC_NAMESPACE,
                "POWERTOOLS_SERVICE_NAME": package,
                **environment,
            },
        )
        self.execution_role = role
        acknowledge(
            self,
            {
                "L1": "The layer's wheels are built for, and its versions pinned to, Python 3.13; a newer runtime is a"
                " change of both."
            },
        )


def _role(scope: Construct, id: str, log_group: logs.ILogGroup, *, in_vpc: bool) -> iam.IRole:  # noqa: A002
    """A role that may write its own log and, in a VPC, attach to it; AWS's managed policies allow every log."""
    role = service_role(scope, id, "lambda")
    log_group.grant_write(role)
    if in_vpc:
        role.add_to_principal_policy(iam.PolicyStatement(actions=_ENI_ACTIONS, resources=["*"]))
        acknowledge(
            role,
            {
                "IAM5[Resource::*]": "Lambda attaches a function to a VPC with these EC2 actions, which it checks on"
                " every resource; the interfaces do not exist before."
            },
        )
    return role


def _dependencies(stack: Stack) -> lambda_.LayerVersion:
    """The stack's one layer of dependencies."""
    existing = stack.node.try_find_child("Dependencies")
    if isinstance(existing, lambda_.LayerVersion):
        return existing
    return lambda_.LayerVersion(
        stack,
        "Dependencies",
        # The digest spares the CDK reading two thousand files to make one.
        code=lambda_.Code.from_asset(str(layer_folder()), asset_hash=layer_digest()),
        compatible_runtimes=[RUNTIME],
        compatible_architectures=[lambda_.Architecture.X86_64],
        description="Python packages of lambdas/requirements.txt",
    )

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
from continuity.lambda_code import function_code, handler_of
from continuity.lambda_layer import Layer, layers_of
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
        code = function_code(package)
        layers = layers_of(code.packages) if deployment.bundle_lambda_dependencies else ()
        super().__init__(
            scope,
            id,
            function_name=name,
            runtime=RUNTIME,
            architecture=lambda_.Architecture.X86_64,
            handler=f"{handler_of(package)}.handler",
            code=lambda_.Code.from_asset(str(code.archive), asset_hash=code.digest),
            description=description,
            timeout=timeout,
            memory_size=memory_mib,
            layers=[_version_of(layer, Stack.of(scope)) for layer in layers],
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


def _version_of(layer: Layer, stack: Stack) -> lambda_.LayerVersion:
    """The stack's one version of the layer."""
    id_ = f"{layer.name.title()}Layer"
    existing = stack.node.try_find_child(id_)
    if isinstance(existing, lambda_.LayerVersion):
        return existing
    return lambda_.LayerVersion(
        stack,
        id_,
        code=lambda_.Code.from_asset(str(layer.archive), asset_hash=layer.digest),
        compatible_runtimes=[RUNTIME],
        compatible_architectures=[lambda_.Architecture.X86_64],
        description=f"Python packages of lambdas/layers/{layer.name}.txt",
    )

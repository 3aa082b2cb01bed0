"""Creates the schema ``continuity`` and its roles in the database while it is deployed."""

from pathlib import Path

from aws_cdk import CustomResource, Duration
from aws_cdk import aws_kms as kms
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from continuity.archives import ROOT, digest_of
from continuity.deployment import Deployment
from continuity.function import PythonFunction
from continuity.postgres import DatabaseConnection


class Bootstrap(Construct):
    """Runs the bootstrap once, and again whenever its source changes; running it twice changes nothing.

    A plain function answers CloudFormation itself: the CDK's provider framework would add functions on Node.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002
        *,
        deployment: Deployment,
        connection: DatabaseConnection,
        secret: secretsmanager.ISecret,
        key: kms.IKey,
    ) -> None:
        super().__init__(scope, id)
        self.function = PythonFunction(
            self,
            "Function",
            deployment=deployment,
            package="bootstrap_database",
            description="Creates schema continuity and its roles, at deploy",
            timeout=Duration.minutes(5),
            environment={**connection.environment(deployment), "MASTER_SECRET_ARN": secret.secret_arn},
            vpc=connection.vpc,
            security_groups=[connection.clients],
        )
        secret.grant_read(self.function)
        key.grant_decrypt(self.function)
        self.resource = CustomResource(
            self,
            "Resource",
            resource_type="Custom::DatabaseBootstrap",
            service_token=self.function.function_arn,
            service_timeout=Duration.minutes(10),
            properties={"SchemaVersion": schema_version()},
        )
        self.resource.node.add_dependency(self.function)


def schema_version() -> str:
    """Changes with the statements that the bootstrap executes."""
    return digest_of(ROOT, [Path("recovery/bootstrap.py")])[:12]

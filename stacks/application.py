"""The application in the primary region."""

from aws_cdk import CfnOutput
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from continuity.api_service import ApiService, Image, PublicName, Scale
from continuity.deployment import Deployment
from continuity.postgres import DatabaseConnection
from stacks.regional_stack import RegionalStack


class ApplicationStack(RegionalStack):
    """The service that users reach. Its image has to be in the repository of the Network stack before."""

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002
        *,
        deployment: Deployment,
        region: str,
        image: Image,
        scale: Scale,
        database: DatabaseConnection,
        secret_arn: str,
        secret_key_arn: str,
        public_name: PublicName | None,
    ) -> None:
        super().__init__(scope, id, deployment=deployment, region=region)
        self.api = ApiService(
            self,
            "Api",
            deployment=deployment,
            image=image,
            scale=scale,
            database=database,
            # By its ARN, so that no permission of this stack is written into the database's.
            secret=secretsmanager.Secret.from_secret_complete_arn(self, "Credentials", secret_arn),
            secret_key_arn=secret_key_arn,
            public_name=public_name,
        )
        CfnOutput(self, "ServiceUrl", value=self.api.url)

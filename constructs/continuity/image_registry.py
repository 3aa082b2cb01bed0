"""The application's images, in this region and, pushed once, in the recovery region too."""

from aws_cdk import aws_ecr as ecr
from constructs import Construct

from continuity.acknowledgement import acknowledge_expendable
from continuity.deployment import Deployment


class ImageRepository(Construct):
    """A repository whose tags never move and whose images never expire, so that every old revision can be started."""

    def __init__(self, scope: Construct, id: str, *, deployment: Deployment, repository_name: str) -> None:  # noqa: A002
        super().__init__(scope, id)
        self.repository = ecr.Repository(
            self,
            "Repository",
            repository_name=repository_name,
            image_tag_mutability=ecr.TagMutability.IMMUTABLE,
            image_scan_on_push=True,
            removal_policy=deployment.keep,
        )
        acknowledge_expendable(self.repository, deployment)


class ImageReplication(Construct):
    """Copies every image pushed to ``repository_name`` to ``region``, from the push on; older images are not copied."""

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002
        *,
        repository_name: str,
        account: str,
        region: str,
    ) -> None:
        super().__init__(scope, id)
        types = ecr.CfnReplicationConfiguration
        types(
            self,
            "Configuration",
            replication_configuration=types.ReplicationConfigurationProperty(
                rules=[
                    types.ReplicationRuleProperty(
                        destinations=[types.ReplicationDestinationProperty(region=region, registry_id=account)],
                        repository_filters=[
                            types.RepositoryFilterProperty(filter=repository_name, filter_type="PREFIX_MATCH")
                        ],
                    )
                ]
            ),
        )

"""The primary region's ground: its network, its images, and the recovery region's keys that it encrypts copies with."""

from constructs import Construct

from continuity.deployment import Deployment
from continuity.image_registry import ImageReplication, ImageRepository
from continuity.keys import RecoveryKeys
from continuity.network import RegionNetwork
from stacks.regional_stack import RegionalStack


class NetworkStack(RegionalStack):
    """What the other stacks of the primary stand on.

    The image repository is here and not beside the service, so that an image can be pushed, and its replication to
    the recovery region begins, before the first service needs one.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002
        *,
        deployment: Deployment,
        region: str,
        image_repository: str,
    ) -> None:
        super().__init__(scope, id, deployment=deployment, region=region)
        names = deployment.names
        self.vpc = RegionNetwork(self, "Network", deployment=deployment, second_octet=0).vpc
        replication = ImageReplication(
            self,
            "ImageReplication",
            repository_name=image_repository,
            account=names.account,
            region=names.recovery_region,
        )
        images = ImageRepository(self, "Images", deployment=deployment, repository_name=image_repository)
        images.node.add_dependency(replication)
        keys = RecoveryKeys(self, "RecoveryKeys", deployment=deployment)
        self.recovery_database_key_arn = keys.arn("database")
        self.recovery_device_backups_key_arn = keys.arn("device-backups")
        self.recovery_evidence_key_arn = keys.arn("evidence")

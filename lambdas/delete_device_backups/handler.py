"""DELETE /v1/backups: everything of the user goes, in both regions, in as many calls as it takes."""

from dataclasses import asdict, dataclass
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from lambdas.shared.aws import device_s3
from lambdas.shared.device_backups import DeviceBucketSettings
from lambdas.shared.http_api import Request, answer
from recovery.device_backups.bucket import DeviceBucket
from recovery.device_backups.deletion import delete_everything

# No page of versions is begun with less time left: one takes a second or two, and a region that is silent takes 12.
LAST_PAGE_MILLISECONDS = 16_000


@dataclass(frozen=True, kw_only=True)
class DeletionSettings(DeviceBucketSettings):
    """Where the copies lie."""

    replica_bucket: str
    replica_region: str


def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer 200 with how many versions were deleted and remain, or with a refusal."""

    def delete(request: Request) -> dict[str, Any]:
        settings = DeletionSettings.read()
        deletion = delete_everything(
            settings.bucket,
            DeviceBucket(device_s3(settings.replica_region), settings.replica_bucket),
            request.owner,
            time_left=lambda: context.get_remaining_time_in_millis() > LAST_PAGE_MILLISECONDS,
        )
        return asdict(deletion)

    return answer(event, delete)

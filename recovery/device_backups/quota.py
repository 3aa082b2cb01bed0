"""How often a user may upload on one day."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from recovery.device_backups.keys import Owner
from recovery.device_backups.refusals import RefusedError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

# The counters' one key; it names the user's hash and the day, in UTC.
COUNTER_KEY = "user_and_day"
EXPIRY_ATTRIBUTE = "expires_at"


@dataclass(frozen=True)
class DailyQuota:
    """At most ``uploads`` links a user and UTC day, counted when a link is given.

    DynamoDB adds and compares in one step, so links asked for at once cannot exceed it; counting the versions in S3
    could, for a link is given before its version is there.
    """

    client: "DynamoDBClient"
    table: str
    uploads: int

    def take(self, owner: Owner, now: datetime) -> None:
        """Count one upload. Raises :class:`RefusedError` when the day's are used up."""
        midnight = datetime.combine(now.date() + timedelta(days=1), datetime.min.time(), UTC)
        try:
            self.client.update_item(
                TableName=self.table,
                Key={COUNTER_KEY: {"S": f"{owner.user}/{now.date().isoformat()}"}},
                UpdateExpression="ADD given :one SET expires_at = :expires",
                ConditionExpression="attribute_not_exists(given) OR given < :most",
                ExpressionAttributeValues={
                    ":one": {"N": "1"},
                    ":most": {"N": str(self.uploads)},
                    # DynamoDB deletes it some time after; the name of the next day is another one.
                    ":expires": {"N": str(int((midnight + timedelta(days=1)).timestamp()))},
                },
            )
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") != "ConditionalCheckFailedException":
                raise
            raise RefusedError(
                HTTPStatus.TOO_MANY_REQUESTS,
                "daily-quota",
                "today's uploads are used up",
                expected=f"at most {self.uploads} uploads a user and day (UTC)",
                found=f"{self.uploads} already given",
                do="Upload again after midnight UTC; the backup on the device is kept until then.",
                retry_after_seconds=int((midnight - now).total_seconds()) + 1,
            ) from None

"""How many devices have no backup of the last two days."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from recovery.device_backups.keys import PREFIXES
from recovery.objectives import DEVICE_ACTIVE_FOR, DEVICE_BACKUP_MAX_AGE

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

# Users are hashes, so their first digit divides the bucket into equal parts that are listed side by side. A call lists
# 1000 devices in about 0.1 s: 16 lists see some 100 million in the 15 minutes that a function has at most.
_SHARDS = "0123456789abcdef"


@dataclass(frozen=True)
class DeviceCount:
    """Devices by the age of their newest backup: up to DEVICE_BACKUP_MAX_AGE, beyond it (``late``), and beyond
    DEVICE_ACTIVE_FOR (``inactive``: lost or replaced phones, mostly).
    """

    in_time: int = 0
    late: int = 0
    inactive: int = 0

    def __add__(self, other: "DeviceCount") -> "DeviceCount":
        return DeviceCount(self.in_time + other.in_time, self.late + other.late, self.inactive + other.inactive)

    @property
    def late_percent(self) -> float:
        """The share of the late among those that are expected; 0 when none is."""
        expected = self.in_time + self.late
        return 100 * self.late / expected if expected else 0.0


def count_devices(client: "S3Client", bucket: str, *, now: datetime) -> DeviceCount:
    """Count every device of the bucket, page by page. ``now`` is in UTC. Raises botocore's errors."""

    def count(shard: str) -> DeviceCount:
        total = DeviceCount()
        pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=PREFIXES["auto"] + shard)
        for page in pages:
            ages = [now - entry["LastModified"] for entry in page.get("Contents", []) if "LastModified" in entry]
            inactive = sum(age > DEVICE_ACTIVE_FOR for age in ages)
            late = sum(age > DEVICE_BACKUP_MAX_AGE for age in ages) - inactive
            total += DeviceCount(len(ages) - late - inactive, late, inactive)
        return total

    with ThreadPoolExecutor(len(_SHARDS)) as lists:
        return sum(lists.map(count, _SHARDS), DeviceCount())

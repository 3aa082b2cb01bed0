"""Work that a state machine divides: its plan and the parts' results, kept in the evidence bucket between the steps.

What travels through the state machine itself is only the parts' numbers: Step Functions carries at most 256 KiB.
https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html
"""

import gzip
import re
from dataclasses import dataclass

from lambdas.shared.aws import s3
from lambdas.shared.settings import EvidenceSettings

_NUMBER = re.compile(r"(\d+)\.json\.gz$")


@dataclass(frozen=True)
class Parts:
    """``parts/{database}/{execution}/``: plan.json.gz and one file a part that was done. Raises botocore's errors."""

    settings: EvidenceSettings
    execution: str

    @property
    def folder(self) -> str:
        """The prefix of all keys of this execution."""
        return f"parts/{self.settings.database_identifier}/{self.execution}/"

    def put_plan(self, plan: str) -> None:
        """Keep the plan, as JSON."""
        self._put("plan", plan)

    def get_plan(self) -> bytes:
        """The plan, as JSON."""
        return self._get("plan")

    def put(self, number: int, result: str) -> None:
        """Keep the result of a part, as JSON. A repeat takes the place of what was there."""
        self._put(str(number), result)

    def get(self, number: int) -> bytes:
        """The result of a part, as JSON."""
        return self._get(str(number))

    def done(self) -> frozenset[int]:
        """The numbers of the parts that have a result."""
        pages = self._s3.get_paginator("list_objects_v2").paginate(
            Bucket=self.settings.evidence_bucket, Prefix=self.folder
        )
        keys = (entry.get("Key", "") for page in pages for entry in page.get("Contents", []))
        return frozenset(int(match[1]) for key in keys if (match := _NUMBER.search(key)))

    def _put(self, name: str, text: str) -> None:
        self._s3.put_object(
            Bucket=self.settings.evidence_bucket,
            Key=f"{self.folder}{name}.json.gz",
            Body=gzip.compress(text.encode(), compresslevel=1, mtime=0),
            ContentType="application/gzip",
            # A bucket with object lock takes an object only with a checksum.
            ChecksumAlgorithm="SHA256",
        )

    def _get(self, name: str) -> bytes:
        found = self._s3.get_object(Bucket=self.settings.evidence_bucket, Key=f"{self.folder}{name}.json.gz")
        return gzip.decompress(found["Body"].read())

    @property
    def _s3(self):  # noqa: ANN202 - the client's own type
        return s3(self.settings.evidence_region)

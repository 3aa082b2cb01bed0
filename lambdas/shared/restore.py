"""What travels through the verification's state machine: the description of one restore."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from recovery.json_form import json_form


@dataclass(frozen=True, kw_only=True)
class RestoredInstance:
    """The instance that a restore has made."""

    identifier: str
    host: str
    port: int
    engine_version: str


@dataclass(frozen=True, kw_only=True)
class RestoreDescription:
    """One restore, as AWS knows it."""

    ours: bool
    restore_job_id: str | None = None
    restore_status: str = "COMPLETED"
    restore_test: bool = False
    restore_started_at: datetime | None = None
    disaster_time: datetime | None = None
    recovery_point_arn: str | None = None
    recovery_point_created_at: datetime | None = None
    instance: RestoredInstance | None = None
    manifest_key: str | None = None
    fenced: bool = False

    @property
    def payload(self) -> dict[str, Any]:
        """As the state machine carries it. It goes on to the checks where ``checkable``: there is an instance."""
        return json_form(self) | {"checkable": self.instance is not None}

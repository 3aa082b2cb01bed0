"""What travels through the verification's state machine: the description of one restore."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict, computed_field


class RestoredInstance(BaseModel):
    """The instance that a restore has made."""

    model_config = ConfigDict(frozen=True)

    identifier: str
    host: str
    port: int
    engine_version: str


class RestoreDescription(BaseModel):
    """One restore, as AWS knows it."""

    model_config = ConfigDict(frozen=True)

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

    @computed_field
    @property
    def checkable(self) -> bool:
        """Whether there is an instance to check."""
        return self.instance is not None

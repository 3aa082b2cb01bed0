"""What asks for a restore to be proven: AWS Backup's event about a restore job, or a person's direct request."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, cast

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

EVENT_SOURCE = "aws.backup"
EVENT_TYPE = "Restore Job State Change"

_Name = Annotated[str, Field(min_length=1)]


class InvalidRequestError(ValueError):
    """The input is neither a restore job's event nor a direct request; the message says what it lacks."""


class RestoreRequest(BaseModel):
    """One restore to prove. A direct request has an instance and no job; an event has a job and, once done, an ARN."""

    model_config = ConfigDict(frozen=True)

    restore_job_id: str | None = None
    status: str = "COMPLETED"
    source_arn: str | None = None
    instance_identifier: str | None = None
    recovery_point_arn: str | None = None
    restore_test: bool = False
    started_at: datetime | None = None
    disaster_time: datetime | None = None

    def is_about(self, database_identifier: str) -> bool:
        """Whether the restored instance came from that one. A direct request is taken at its word."""
        return self.source_arn is None or self.source_arn.endswith(f":db:{database_identifier}")


class _JobDetail(BaseModel):
    """The event's ``detail``. The event is best effort: what else it holds is asked of DescribeRestoreJob."""

    model_config = ConfigDict(alias_generator=to_camel)

    restore_job_id: _Name
    status: _Name
    source_resource_arn: str | None = None
    created_resource_arn: str | None = None
    recovery_point_arn: str | None = None
    restore_testing_plan_arn: str | None = None
    creation_date: AwareDatetime | None = None


class _Direct(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, extra="forbid")

    db_instance_identifier: Annotated[_Name, Field(alias="dbInstanceIdentifier")]
    restore_started_at: AwareDatetime
    disaster_time: AwareDatetime | None = None


def instance_of(arn: str | None) -> str | None:
    """The DB instance identifier at the end of an RDS ARN; None for any other."""
    return arn.rpartition(":db:")[2] if arn and ":db:" in arn else None


def parse_restore_request(event: Any) -> RestoreRequest:  # noqa: ANN401 - whatever JSON somebody started it with
    """Read either form. Raises :class:`InvalidRequestError`."""
    if not isinstance(event, Mapping):
        raise InvalidRequestError(f"expected a JSON object, found {type(event).__name__}")
    return _read(cast("Mapping[str, Any]", event))


def _read(event: Mapping[str, Any]) -> RestoreRequest:
    try:
        if "detail" in event or "source" in event:
            return _from_event(event)
        direct = _Direct.model_validate(dict(event))
    except ValidationError as error:
        wrong = ", ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())
        raise InvalidRequestError(
            f"expected an event {EVENT_TYPE} or dbInstanceIdentifier, restoreStartedAt and disasterTime (ISO 8601 with"
            f" a zone), found {wrong}"
        ) from None
    return RestoreRequest(
        instance_identifier=direct.db_instance_identifier,
        started_at=direct.restore_started_at,
        disaster_time=direct.disaster_time,
    )


def _from_event(event: Mapping[str, Any]) -> RestoreRequest:
    if (event.get("source"), event.get("detail-type")) != (EVENT_SOURCE, EVENT_TYPE):
        raise InvalidRequestError(
            f"expected an event {EVENT_TYPE} of {EVENT_SOURCE}, found {event.get('detail-type')} of"
            f" {event.get('source')}"
        )
    detail = _JobDetail.model_validate(event.get("detail"))
    return RestoreRequest(
        restore_job_id=detail.restore_job_id,
        status=detail.status,
        source_arn=detail.source_resource_arn,
        instance_identifier=instance_of(detail.created_resource_arn),
        recovery_point_arn=detail.recovery_point_arn,
        restore_test=detail.restore_testing_plan_arn is not None,
        started_at=detail.creation_date,
    )

"""What asks for a restore to be proven: AWS Backup's event about a restore job, or a person's direct request."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

EVENT_SOURCE = "aws.backup"
EVENT_TYPE = "Restore Job State Change"


class InvalidRequestError(ValueError):
    """The input is neither a restore job's event nor a direct request; the message says what it lacks."""


@dataclass(frozen=True, kw_only=True)
class RestoreRequest:
    """One restore to prove. A direct request has an instance and no job; an event has a job and, once done, an ARN."""

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


def instance_of(arn: str | None) -> str | None:
    """The DB instance identifier at the end of an RDS ARN; None for any other."""
    return arn.rpartition(":db:")[2] if arn and ":db:" in arn else None


def parse_restore_request(event: Any) -> RestoreRequest:  # noqa: ANN401 - whatever JSON somebody started it with
    """Read either form. Raises :class:`InvalidRequestError`."""
    if not isinstance(event, Mapping):
        raise InvalidRequestError(f"expected a JSON object, found {type(event).__name__}")
    return _read(cast("Mapping[str, Any]", event))


def _read(event: Mapping[str, Any]) -> RestoreRequest:
    if "detail" in event or "source" in event:
        return _from_event(event)
    fields = _Fields(event)
    request = RestoreRequest(
        instance_identifier=fields.name("dbInstanceIdentifier"),
        started_at=fields.moment("restoreStartedAt"),
        disaster_time=fields.moment("disasterTime", optional=True),
    )
    fields.require_right(and_no_others=True)
    return request


def _from_event(event: Mapping[str, Any]) -> RestoreRequest:
    if (event.get("source"), event.get("detail-type")) != (EVENT_SOURCE, EVENT_TYPE):
        raise InvalidRequestError(
            f"expected an event {EVENT_TYPE} of {EVENT_SOURCE}, found {event.get('detail-type')} of"
            f" {event.get('source')}"
        )
    detail = event.get("detail")
    if not isinstance(detail, Mapping):
        raise InvalidRequestError(f"expected a JSON object as the event's detail, found {type(detail).__name__}")
    # The event is best effort: what else it holds is asked of DescribeRestoreJob.
    fields = _Fields(cast("Mapping[str, Any]", detail))
    request = RestoreRequest(
        restore_job_id=fields.name("restoreJobId"),
        status=fields.name("status"),
        source_arn=fields.text("sourceResourceArn"),
        instance_identifier=instance_of(fields.text("createdResourceArn")),
        recovery_point_arn=fields.text("recoveryPointArn"),
        restore_test=fields.text("restoreTestingPlanArn") is not None,
        started_at=fields.moment("creationDate", optional=True),
    )
    fields.require_right()
    return request


class _Fields:
    """The fields of an object, each asked for once by its type; what is wrong with them is told together."""

    def __init__(self, given: Mapping[str, Any]) -> None:
        self._given, self._asked, self._wrong = given, set[str](), list[str]()

    def name(self, field: str) -> str:
        """A text that is there and not empty."""
        found = self._take(field)
        if isinstance(found, str) and found:
            return found
        self._wrong.append(f"{field}: expected a text that is not empty, found {_told(found)}")
        return ""

    def text(self, field: str) -> str | None:
        """A text, or None."""
        found = self._take(field)
        if found is None or isinstance(found, str):
            return found
        self._wrong.append(f"{field}: expected a text, found {_told(found)}")
        return None

    def moment(self, field: str, *, optional: bool = False) -> datetime | None:
        """A time with a zone, or None where it is ``optional``."""
        found = self._take(field)
        if found is None and optional:
            return None
        try:
            moment = datetime.fromisoformat(found) if isinstance(found, str) else None
        except ValueError:
            moment = None
        if moment is None or moment.tzinfo is None:
            self._wrong.append(f"{field}: expected a time in ISO 8601 with a zone, found {_told(found)}")
        return moment

    def require_right(self, *, and_no_others: bool = False) -> None:
        """Raises :class:`InvalidRequestError` that tells everything that was wrong."""
        others = sorted(set(self._given) - self._asked) if and_no_others else []
        wrong = [*self._wrong, *(f"{field}: expected no such field" for field in others)]
        if wrong:
            raise InvalidRequestError(
                f"expected an event {EVENT_TYPE} or dbInstanceIdentifier, restoreStartedAt and disasterTime (ISO 8601"
                f" with a zone), found {', '.join(wrong)}"
            )

    def _take(self, field: str) -> object:
        self._asked.add(field)
        return self._given.get(field)


def _told(found: object) -> str:
    return "none" if found is None else repr(found)[:80]

"""What the step function is asked, and whose failover it does."""

from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from lambdas.shared.restore import RestoreDescription
from lambdas.shared.settings import EvidenceSettings, NamesSettings
from recovery.failover.answers import Request


@dataclass(frozen=True, kw_only=True)
class StepSettings(NamesSettings, EvidenceSettings):
    """Besides the store: whose failover this is, where people are told, and the public name where there is one."""

    aws_endpoint_url: str | None = None
    topic_arn: str
    zone_id: str = ""
    public_name: str = ""
    optional_checks: tuple[str, ...] = ()


class Stopped(BaseModel):
    """What Step Functions says of the step that failed for good."""

    step: str
    error: dict[str, Any]


class Answer(BaseModel):
    """What the state machine knows of one part of the checks; the result itself is stored."""

    part: int
    error: str | None = None


class Step(BaseModel):
    """What the state machine asks: which step, of which operation, in which execution."""

    step: str
    input: dict[str, Any]
    execution: str
    execution_arn: str | None = None
    token: str | None = None
    approved_by: str | None = None
    restore: RestoreDescription | None = None
    part: int | None = None
    answers: tuple[Answer, ...] = ()
    stopped: Stopped | None = None

    @property
    def request(self) -> Request:
        """What the first execution was started with; an operation is called like that one unless it has a name."""
        return Request.model_validate({"operation": self.execution} | self.input)

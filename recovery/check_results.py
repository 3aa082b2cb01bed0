"""What a check of a restored database came to; whoever only reports it needs no database."""

from typing import Literal

from pydantic import BaseModel, ConfigDict

Status = Literal["passed", "failed", "not_proven"]
Measurement = float | int | str | None


class CheckResult(BaseModel):
    """One check's answer; ``detail`` is one line for a person and holds no secret.

    ``duration_seconds`` is the work of all its parts, of which several may have run at a time.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    status: Status
    detail: str
    duration_seconds: float | None = None
    measurements: dict[str, Measurement] = {}

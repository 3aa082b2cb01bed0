"""``manifest.json``, the first member of a backup: what the database beside it has to be."""

import json
from datetime import datetime
from typing import Annotated, Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from device.errors import DamagedError, NewerFormatError
from device.limits import DATABASE_MAX_BYTES, FORMAT_VERSION


class Manifest(BaseModel):
    """The facts of one backup. Unknown fields are ignored, so that a later writer may add some.

    ``schema_version`` is SQLite's ``user_version``; ``size`` is in bytes and, with ``sha256``, that of the database
    file. ``row_counts`` has every table but virtual ones.
    """

    model_config = ConfigDict(frozen=True)

    format_version: Annotated[int, Field(ge=1)] = FORMAT_VERSION
    app_version: str
    schema_version: int
    created_at: AwareDatetime
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    size: Annotated[int, Field(gt=0, le=DATABASE_MAX_BYTES)]
    row_counts: dict[str, Annotated[int, Field(ge=0)]]

    def to_json(self) -> bytes:
        """The member's bytes: UTF-8, indented, for people who open a backup with tar."""
        return json.dumps(self.model_dump(mode="json"), indent=2, ensure_ascii=False).encode() + b"\n"


def parse(content: bytes) -> Manifest:
    """A manifest from the member's bytes. Raises :class:`NewerFormatError` and :class:`DamagedError`."""
    try:
        facts: Any = json.loads(content)
        version = facts["format_version"]
    except (ValueError, TypeError, KeyError, RecursionError):
        raise _unreadable("something else") from None
    if isinstance(version, int) and version > FORMAT_VERSION:
        raise NewerFormatError(
            expected=f"a backup of format {FORMAT_VERSION}",
            found=f"format {version}",
            do="update this program, it is older than the one that wrote the backup",
        )
    try:
        return Manifest.model_validate(facts)
    except ValidationError as error:
        first = error.errors()[0]
        raise _unreadable(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from None


def timestamp(moment: datetime) -> str:
    """How a moment stands in a backup's name: UTC, sortable, to the microsecond."""
    return f"{moment:%Y%m%dT%H%M%S.%fZ}"


def _unreadable(found: str) -> DamagedError:
    return DamagedError(expected="a manifest at the backup's beginning", found=found, do="use another backup")

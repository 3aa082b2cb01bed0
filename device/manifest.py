"""``manifest.json``, the first member of a backup: what the database beside it has to be.

Plain dataclasses: loading pydantic would take longer than backing up a phone's database does.
"""

import json
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, cast

from device.errors import DamagedError, NewerFormatError
from device.limits import DATABASE_MAX_BYTES, FORMAT_VERSION

_SHA256 = re.compile("[0-9a-f]{64}")


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """The facts of one backup.

    ``schema_version`` is SQLite's ``user_version``; ``size`` is in bytes and, with ``sha256``, that of the database
    file. ``row_counts`` has every table but virtual ones. ``created_at`` is in UTC.
    """

    format_version: int = FORMAT_VERSION
    app_version: str
    schema_version: int
    created_at: datetime
    sha256: str
    size: int
    row_counts: dict[str, int]

    def facts(self) -> dict[str, Any]:
        """As JSON has it."""
        return asdict(self) | {"created_at": self.created_at.isoformat().replace("+00:00", "Z")}

    def to_json(self) -> bytes:
        """The member's bytes: UTF-8, indented, for people who open a backup with tar."""
        return json.dumps(self.facts(), indent=2, ensure_ascii=False).encode() + b"\n"


def parse(content: bytes) -> Manifest:
    """A manifest from the member's bytes. Unknown fields are ignored, so that a later writer may add some.

    Raises :class:`NewerFormatError` and :class:`DamagedError`.
    """
    try:
        facts: Any = json.loads(content)
        version = facts["format_version"]
    except (ValueError, TypeError, KeyError, RecursionError):
        raise _unreadable("something else") from None
    if _is_count(version) and version > FORMAT_VERSION:
        raise NewerFormatError(
            expected=f"a backup of format {FORMAT_VERSION}",
            found=f"format {version}",
            do="update this program, it is older than the one that wrote the backup",
        )
    for name, is_valid in _VALID.items():
        if not is_valid(facts.get(name)):
            raise _unreadable(f"{name} of {str(facts.get(name))[:100]!r}")
    known: dict[str, Any] = {name: facts[name] for name in _VALID}
    known["created_at"] = datetime.fromisoformat(facts["created_at"]).astimezone(UTC)
    return Manifest(**known)


def _is_count(value: object) -> bool:
    return type(value) is int and value >= 0


def _is_moment(value: object) -> bool:
    try:
        return isinstance(value, str) and datetime.fromisoformat(value).tzinfo is not None
    except ValueError:
        return False


def _is_counts(value: Any) -> bool:  # noqa: ANN401 - whatever JSON held
    return isinstance(value, dict) and all(map(_is_count, cast(dict[str, object], value).values()))


_VALID: dict[str, Callable[[Any], bool]] = {
    "format_version": lambda value: value == FORMAT_VERSION,
    "app_version": lambda value: isinstance(value, str),
    "schema_version": lambda value: type(value) is int,
    "created_at": _is_moment,
    "sha256": lambda value: isinstance(value, str) and bool(_SHA256.fullmatch(value)),
    "size": lambda value: _is_count(value) and 0 < value <= DATABASE_MAX_BYTES,
    "row_counts": _is_counts,
}


def timestamp(moment: datetime) -> str:
    """How a moment stands in a backup's name: UTC, sortable, to the microsecond."""
    return f"{moment:%Y%m%dT%H%M%S.%fZ}"


def _unreadable(found: str) -> DamagedError:
    return DamagedError(expected="a manifest at the backup's beginning", found=found, do="use another backup")

"""Values as JSON takes them."""

from dataclasses import fields, is_dataclass
from datetime import datetime
from typing import Any, cast


def json_form(value: object) -> Any:  # noqa: ANN401 - whatever JSON has
    """Dataclasses become objects of their fields, times ISO 8601, tuples arrays; all else stays."""
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: json_form(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, tuple):
        return [json_form(each) for each in cast("tuple[object, ...]", value)]
    return value

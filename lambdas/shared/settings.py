"""The environment variables of the functions, typed; each function's own class says which it needs.

Frozen dataclasses: building pydantic's models of the same costs a cold start more than reading them does.
"""

import os
from dataclasses import MISSING, Field, dataclass, fields
from typing import Any, Literal, Self, get_args, get_origin

from recovery.names import Names


class SettingsError(RuntimeError):
    """Environment variables of the function are missing or wrong; the message names them."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The variables that every function has. A field ``name`` is read from the variable ``NAME``.

    A field is a ``str``, an ``int``, a ``Literal`` of strings, or a ``tuple[str, ...]`` of what commas separate.
    """

    environment: str
    metric_namespace: str

    @classmethod
    def read(cls) -> Self:
        """The process's environment as settings. Raises :class:`SettingsError`."""
        values: dict[str, Any] = {}
        wrong: list[str] = []
        for field in fields(cls):
            variable = field.name.upper()
            given = os.environ.get(variable)
            try:
                if given is not None:
                    values[field.name] = _parsed(field, given)
                elif field.default is MISSING:
                    wrong.append(f"{variable} (missing)")
            except ValueError as error:
                wrong.append(f"{variable} ({error})")
        if wrong:
            raise SettingsError(f"expected every variable of {cls.__name__}, found wrong: {', '.join(wrong)}")
        return cls(**values)


@dataclass(frozen=True, kw_only=True)
class DatabaseSettings(Settings):
    """Where the function's database is."""

    database_host: str
    database_port: int
    database_name: str
    database_tls: Literal["verify-full", "disable"]


@dataclass(frozen=True, kw_only=True)
class EvidenceSettings(Settings):
    """Where manifests and evidence are kept, and of which database."""

    evidence_bucket: str
    evidence_region: str
    database_identifier: str


@dataclass(frozen=True, kw_only=True)
class NamesSettings(Settings):
    """Whose deployment it is, from which every fixed name follows."""

    account: str
    primary_region: str
    recovery_region: str

    @property
    def names(self) -> Names:
        """The environment's fixed names."""
        return Names(
            environment=self.environment,
            account=self.account,
            primary_region=self.primary_region,
            recovery_region=self.recovery_region,
        )


def _parsed(field: Field[Any], given: str) -> Any:  # noqa: ANN401 - what the field's type says
    if field.type is int:
        try:
            return int(given)
        except ValueError:
            raise ValueError(f"expected an integer, found {given!r}") from None
    if get_origin(field.type) is tuple:
        return tuple(name.strip() for name in given.split(",") if name.strip())
    if get_origin(field.type) is Literal and given not in get_args(field.type):
        raise ValueError(f"expected one of {', '.join(get_args(field.type))}, found {given!r}")
    return given

"""The environment variables of the functions, typed; each function's own class says which it needs."""

import os
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError

from recovery.names import Names


class SettingsError(RuntimeError):
    """Environment variables of the function are missing or wrong; the message names them."""


class Settings(BaseModel):
    """The variables that every function has. A field ``name`` is read from the variable ``NAME``."""

    model_config = ConfigDict(frozen=True, alias_generator=str.upper)

    environment: str
    metric_namespace: str

    @classmethod
    def read(cls) -> Self:
        """The process's environment as settings. Raises :class:`SettingsError`."""
        try:
            return cls.model_validate(dict(os.environ))
        except ValidationError as error:
            wrong = ", ".join(f"{'.'.join(map(str, each['loc']))} ({each['msg']})" for each in error.errors())
            raise SettingsError(f"expected every variable of {cls.__name__}, found wrong: {wrong}") from None


class DatabaseSettings(Settings):
    """Where the function's database is."""

    database_host: str
    database_port: int
    database_name: str
    database_tls: Literal["verify-full", "disable"]


class EvidenceSettings(Settings):
    """Where manifests and evidence are kept, and of which database."""

    evidence_bucket: str
    evidence_region: str
    database_identifier: str


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


def _split(value: Any) -> Any:  # noqa: ANN401 - whatever the variable holds
    return tuple(name.strip() for name in value.split(",") if name.strip()) if isinstance(value, str) else value


CommaSeparated = Annotated[tuple[str, ...], BeforeValidator(_split)]

"""What the steps of a verification share: the restored copy's context, the plan of the checks, their stored results."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from botocore.exceptions import BotoCoreError, ClientError
from pydantic import BaseModel, ConfigDict

from lambdas.shared.manifests import get_manifest
from lambdas.shared.parts import Parts
from lambdas.shared.restore import RestoreDescription
from lambdas.shared.settings import EvidenceSettings
from recovery.checks import CheckContext, Part
from recovery.objectives import FULL
from recovery.verification import PartResult


class NoManifestError(RuntimeError):
    """There is nothing to hold a restored copy against."""


class CheckPlan(BaseModel):
    """The parts of all checks; a part is known by its place."""

    model_config = ConfigDict(frozen=True)

    parts: tuple[Part, ...]


def check_context(settings: EvidenceSettings, restore: RestoreDescription) -> CheckContext:
    """What the restored copy is held against. Raises :class:`NoManifestError` or botocore's ClientError."""
    if restore.manifest_key is None:
        raise NoManifestError(
            "expected a manifest that is as old as the backup that was restored, found none: the manifest has to be"
            " taken before the backup"
        )
    return CheckContext(
        manifest=get_manifest(settings.evidence_bucket, settings.evidence_region, restore.manifest_key),
        # A snapshot is held against the moment it was taken; what happened after it is no matter of the snapshot's.
        disaster_time=restore.disaster_time or restore.recovery_point_created_at,
        rpo=FULL.rpo,
        restore_started_at=restore.restore_started_at,
        fenced=restore.fenced,
    )


@dataclass(frozen=True)
class StoredResults(Mapping[int, PartResult]):
    """The results of a plan's parts, each read when it is asked for: together they may not fit into memory.

    ``errors`` names what ended the parts that have none, as far as the state machine knows it. ``unread`` collects what
    AWS refused to give back: a verdict without it would be an untrue one.
    """

    parts: Parts
    plan: CheckPlan
    errors: Mapping[int, str] = field(default_factory=dict[int, str])
    unread: list[Exception] = field(default_factory=list[Exception])
    _done: frozenset[int] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_done", self.parts.done())

    def __getitem__(self, number: int) -> PartResult:
        if number in self._done:
            try:
                return PartResult.model_validate_json(self.parts.get(number))
            except (ClientError, BotoCoreError) as error:
                self.unread.append(error)
                raise
        part, detail = self.plan.parts[number], f"ended with {self.errors[number]}"
        return PartResult(part=part, status="not_proven", detail=f"{part.label}: {detail}")

    def __iter__(self) -> Iterator[int]:
        return iter(sorted(self._done | set(self.errors)))

    def __len__(self) -> int:
        return len(self._done | set(self.errors))

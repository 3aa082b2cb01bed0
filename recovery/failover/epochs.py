"""Who is primary: numbered epochs, claimed one after the other in the recovery region's store.

A claim is an object that can only be written once, under the number after the newest. Two operations that both mean to
promote can therefore not both go on, and a primary that returns reads who has taken over meanwhile.
"""

import re
from datetime import datetime

from pydantic import BaseModel, ConfigDict

from recovery.evidence.chain import Store

FIRST = 1


class Epoch(BaseModel):
    """One period of one primary. ``operation`` is the failover or failback that began it, None for the first."""

    model_config = ConfigDict(frozen=True)

    number: int
    region: str
    since: datetime | None = None
    operation: str | None = None


class ClaimedError(RuntimeError):
    """Another operation has begun the epoch that this one meant to begin."""


def folder(database: str) -> str:
    """Where a database's epochs lie."""
    return f"epochs/{database}/"


def current_epoch(store: Store, database: str, *, first_region: str) -> Epoch:
    """The newest epoch; the first one, of ``first_region``, where none was ever claimed."""
    pattern = re.compile(re.escape(folder(database)) + r"\d{8}\.json")
    claims = [key for key in store.written(folder(database)) if pattern.fullmatch(key)]
    if not claims:
        return Epoch(number=FIRST, region=first_region)
    return Epoch.model_validate_json(store.read(max(claims)))


def claim_epoch(store: Store, database: str, wanted: Epoch) -> Epoch:
    """Begin ``wanted``; a repeat by the same operation finds its own claim. Raises :class:`ClaimedError`."""
    key = f"{folder(database)}{wanted.number:08d}.json"
    if store.write_once(key, wanted.model_dump_json(indent=2).encode(), "application/json"):
        return wanted
    standing = Epoch.model_validate_json(store.read(key))
    if standing.operation != wanted.operation:
        raise ClaimedError(
            f"expected to begin epoch {wanted.number} with {wanted.region} as primary, found it begun by the operation"
            f" {standing.operation} with {standing.region}: look at that one before anything is promoted"
        )
    return standing

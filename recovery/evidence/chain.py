"""The chain of evidence: every record is stored once, and linked to the one before by its hash.

``evidence/{database}/{name}.json`` is a record and ``.html`` its page for people; links are
``evidence/{database}/chain/{sequence:08d}.json``. A link holds the hashes of its record, of its page and of the link
before, so nothing can be changed, taken out or put in between without breaking it. Whoever writes a link claims its
number: of two judges that race, one takes the next number.
"""

import hashlib
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from recovery.evidence.record import Evidence

# A link is never older than its record. The clocks of S3 that date the two agree far better than this; it only bounds
# how far back a repeated judgement looks for its link.
CLOCK_ALLOWANCE = timedelta(hours=1)

Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class Reader(Protocol):
    """Where evidence lies: a bucket, or a folder that holds a copy of one."""

    def written(self, prefix: str) -> Mapping[str, datetime]:
        """Every key under ``prefix``, and when it was written."""
        ...

    def read(self, key: str) -> bytes:
        """The content of a key that :meth:`written` listed."""
        ...

    def rewritten(self, prefix: str) -> Sequence[str]:
        """What was deleted or written again under ``prefix``, in words; empty where no history is kept."""
        ...


class Store(Reader, Protocol):
    """Where evidence is kept."""

    def write_once(self, key: str, content: bytes, content_type: str) -> bool:
        """Keep ``content``; False when there already is something under that key, which stands."""
        ...


class Sealed(BaseModel):
    """One stored object and the SHA-256 of its bytes."""

    model_config = ConfigDict(frozen=True)

    key: str
    sha256: Sha256


class Link(BaseModel):
    """One link of the chain. ``previous_sha256`` is that of the bytes of the link before, None in the first."""

    model_config = ConfigDict(frozen=True)

    format: Literal[1] = 1
    sequence: Annotated[int, Field(ge=1)]
    record: Sealed
    page: Sealed
    previous_sha256: Sha256 | None


@dataclass(frozen=True, kw_only=True)
class Proof:
    """What a chain proves. ``fault`` is the first that was found, None when there is none but those ``explained``.

    ``newest_sha256`` is the hash of the newest link: noted elsewhere, it also shows whether the end was cut off.
    """

    database: str
    records: int
    newest_sha256: str | None
    fault: str | None
    explained: tuple[str, ...] = ()

    def is_doubtful(self, key: str) -> bool:
        """Whether an explained fault is about this record: what it says by now counts for nothing."""
        return any(fault.startswith(f"{key} ") for fault in self.explained)


def folder(database: str) -> str:
    """Where all evidence of a database lies."""
    return f"evidence/{database}/"


def record_key(database: str, name: str) -> str:
    """Where a record lies; the name is the restore job's id or the execution's name."""
    return f"{folder(database)}{name}.json"


def page_key(record: str) -> str:
    """Where the page of a record lies: beside it."""
    return f"{record.removesuffix('.json')}.html"


def link_key(database: str, sequence: int) -> str:
    """Where a link lies."""
    return f"{folder(database)}chain/{sequence:08d}.json"


def is_record(key: str) -> bool:
    """Whether a key under :func:`folder` is that of a record."""
    return bool(re.fullmatch(r"evidence/[^/]+/[^/]+\.json", key))


def keep(store: Store, key: str, evidence: Evidence) -> tuple[Evidence, bool]:
    """Store a record under its key, once. Returns the record that stands, and whether it is this one.

    Raises pydantic's ValidationError when there is one that is damaged.
    """
    if store.write_once(key, evidence.model_dump_json(indent=2).encode(), "application/json"):
        return evidence, True
    return Evidence.model_validate_json(store.read(key)), False


def seal(store: Store, database: str, key: str, render: Callable[[], str]) -> bool:
    """Give a stored record its page and its link, as far as they are missing. Returns whether the link is new.

    Safe to repeat, and safe beside others that do the same: a record never gets a second link, because a number can
    only be claimed by who has seen every link before it.
    """
    page = page_key(key)
    store.write_once(page, render().encode(), "text/html; charset=utf-8")
    record_seal, page_seal = _seal(key, store.read(key)), _seal(page, store.read(page))
    # Whoever loses a number has lost it to another's progress, so this ends.
    while True:
        written = store.written(folder(database))
        links = _links(database, written)
        if _is_linked(store, links, key, written):
            return False
        newest = max(links, default=0)
        previous = _sha256(store.read(links[newest])) if newest else None
        link = Link(sequence=newest + 1, record=record_seal, page=page_seal, previous_sha256=previous)
        if store.write_once(
            link_key(database, link.sequence), link.model_dump_json(indent=2).encode(), "application/json"
        ):
            return True


def prove(reader: Reader, database: str, *, explained: Collection[str] = ()) -> Proof:
    """Follow the chain from the first link to the newest and hold everything against it. Changes nothing.

    Faults that are ``explained``, word for word, are passed over. ``records`` counts the links without a fault, up to
    the first that is not explained.
    """
    walk = _Walk(reader, database)
    passed: list[str] = []
    for fault in walk.faults():
        if fault not in explained:
            return walk.proof(fault, passed)
        passed.append(fault)
    return walk.proof(None, passed)


class _Walk:
    """One way along the chain; every fault on it is told, and the walk goes on."""

    def __init__(self, reader: Reader, database: str) -> None:
        self._reader, self._database = reader, database
        self._found = reader.written(folder(database))
        self._claimed: dict[str, int] = {}
        self._good = 0
        self._previous: str | None = None

    def proof(self, fault: str | None, explained: Sequence[str]) -> Proof:
        return Proof(
            database=self._database,
            records=self._good,
            newest_sha256=self._previous,
            fault=fault,
            explained=tuple(explained),
        )

    def faults(self) -> Iterator[str]:
        yield from self._reader.rewritten(folder(self._database))
        links = _links(self._database, self._found)
        expected = 1
        for sequence in sorted(links):
            if sequence != expected:
                yield f"link {expected} is missing; the next one there is {sequence}"
            content = self._reader.read(links[sequence])
            is_good = True
            for fault in self._of_link(sequence, content):
                is_good = False
                yield fault
            self._previous = _sha256(content)
            self._good += is_good
            expected = sequence + 1
        for key in sorted(set(self._found) - set(self._claimed) - set(links.values())):
            yield (
                f"{key} is in no link: its judge stopped before it was linked (start the verification of that restore"
                " again), or somebody put it there"
            )

    def _of_link(self, sequence: int, content: bytes) -> Iterator[str]:
        try:
            link = Link.model_validate_json(content)
        except ValidationError as error:
            yield f"link {sequence} cannot be read: {error.errors()[0]['msg']}"
            return
        if link.sequence != sequence:
            yield f"link {sequence} says that it is link {link.sequence}"
        if link.previous_sha256 != self._previous:
            yield (
                f"link {sequence} does not continue link {sequence - 1}: it names {link.previous_sha256}, found"
                f" {self._previous}"
            )
        for sealed in (link.record, link.page):
            yield from self._of_sealed(sequence, sealed)

    def _of_sealed(self, sequence: int, sealed: Sealed) -> Iterator[str]:
        if sealed.key in self._claimed:
            yield f"link {sequence} claims {sealed.key}, which link {self._claimed[sealed.key]} has"
            return
        self._claimed[sealed.key] = sequence
        if sealed.key not in self._found:
            yield f"{sealed.key} of link {sequence} is missing"
            return
        actual = _sha256(self._reader.read(sealed.key))
        if actual != sealed.sha256:
            yield f"{sealed.key} was changed: link {sequence} has {sealed.sha256}, found {actual}"


def _links(database: str, written: Mapping[str, datetime]) -> dict[int, str]:
    """The keys of the links by their number."""
    pattern = re.compile(re.escape(folder(database)) + r"chain/(\d{8})\.json")
    return {int(match[1]): key for key in written if (match := pattern.fullmatch(key))}


def _is_linked(store: Store, links: Mapping[int, str], key: str, written: Mapping[str, datetime]) -> bool:
    """Whether one of the links that can be the record's is."""
    for number in sorted(links, reverse=True):
        if written[links[number]] < written[key] - CLOCK_ALLOWANCE:
            return False
        if _record_of(store.read(links[number])) == key:
            return True
    return False


def _record_of(link: bytes) -> str | None:
    """The record that a link seals; None for a link that somebody damaged, which must not keep new ones out."""
    try:
        return Link.model_validate_json(link).record.key
    except ValidationError:
        return None


def _seal(key: str, content: bytes) -> Sealed:
    return Sealed(key=key, sha256=_sha256(content))


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()

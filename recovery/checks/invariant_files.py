"""Questions about the product's meaning, one SQL file each, that a team adds by dropping a file into a folder.

A file begins with a comment: what holds, in one sentence, and then what the question ``Needs`` (tables and their
columns), which columns of an offending row it ``Shows``, what an offending row ``Means`` and what to ``Do``. Then comes
one query that only reads; its rows are the offenders. Names are qualified (``public.users``): no search path helps.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_FIELDS = ("Needs", "Shows", "Means", "Do")
_TABLE = re.compile(r"\s*([^\s(]+)\s*(?:\(([^)]*)\))?\s*")


class InvariantFileError(ValueError):
    """A file is not of the form that it has to be; the message names the file and what it lacks."""


@dataclass(frozen=True, kw_only=True)
class Invariant:
    """One question. ``needs`` are objects as a manifest names them; ``query`` has no semicolon at its end."""

    name: str
    title: str
    needs: tuple[str, ...]
    shows: tuple[str, ...]
    means: str
    remedy: str
    query: str

    @property
    def tables(self) -> list[str]:
        """What is asked about, each ``schema.table``."""
        return [need.removeprefix("table ") for need in self.needs if need.startswith("table ")]

    def applies_to(self, objects: Sequence[str] | frozenset[str]) -> bool:
        """Whether a database with these objects has what the question is about."""
        return all(need in objects for need in self.needs)


def find_files(folders: Sequence[Path]) -> dict[str, Path]:
    """The files of all folders by name, in order. Raises :class:`InvariantFileError`."""
    found: dict[str, Path] = {}
    for folder in folders:
        if not folder.is_dir():
            raise InvariantFileError(f"expected a folder of .sql files at {folder}, found none")
        for path in sorted(folder.glob("*.sql")):
            if path.name in found:
                raise InvariantFileError(f"expected one file of each name, found {path} and {found[path.name]}")
            found[path.name] = path
    return found


def read_file(path: Path) -> Invariant:
    """Raises :class:`InvariantFileError`, or OSError."""
    lines = path.read_text(encoding="utf-8").splitlines()
    front = lines[: _front_length(lines)]
    title, fields = _front(path, front)
    query = "\n".join(lines[len(front) :]).strip().removesuffix(";").strip()
    if not query:
        raise InvariantFileError(f"{path.name}: expected a query after the comment, found nothing")
    return Invariant(
        name=path.name,
        title=title,
        needs=_needs(path, fields["Needs"]),
        shows=tuple(name.strip() for name in fields["Shows"].split(",")),
        means=fields["Means"],
        remedy=fields["Do"],
        query=query,
    )


def _front_length(lines: Sequence[str]) -> int:
    return next((number for number, line in enumerate(lines) if not line.startswith("--")), len(lines))


def _front(path: Path, lines: Sequence[str]) -> tuple[str, dict[str, str]]:
    title, fields, last = "", dict[str, str](), ""
    for line in lines:
        text = line.removeprefix("--").strip()
        name, colon, value = text.partition(":")
        if colon and name in _FIELDS:
            fields[name], last = value.strip(), name
        elif last:
            fields[last] += f" {text}"
        else:
            title = f"{title} {text}".strip()
    missing = [name for name in _FIELDS if not fields.get(name)]
    if not title or missing:
        raise InvariantFileError(
            f"{path.name}: expected a comment at its top with a sentence about what holds and the fields"
            f" {', '.join(_FIELDS)}, found no {', '.join([*([] if title else ['sentence']), *missing])}"
        )
    return title, fields


def _needs(path: Path, text: str) -> tuple[str, ...]:
    needs: list[str] = []
    for each in text.split(";"):
        match = _TABLE.fullmatch(each)
        if match is None or "." not in match[1]:
            raise InvariantFileError(
                f"{path.name}: expected Needs to be like `public.users (id, phone); public.budgets (id)`, found"
                f" {each.strip()!r}"
            )
        needs += [
            f"table {match[1]}",
            *(f"column {match[1]}.{name.strip()}" for name in (match[2] or "").split(",") if name.strip()),
        ]
    return tuple(needs)

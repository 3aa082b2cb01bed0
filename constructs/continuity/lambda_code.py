"""A function's code: the modules that its handler imports, and no others."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from continuity.archives import ROOT, archive_path, digest_of, write_archive
from continuity.import_graph import imports_of


@dataclass(frozen=True)
class FunctionCode:
    """What to upload as the code of one function.

    ``digest`` is of its content. ``packages`` are the top-level names of what its layers have to hold.
    """

    archive: Path
    digest: str
    packages: frozenset[str]


def handler_of(package: str) -> str:
    """The module of a function's handler."""
    return f"lambdas.{package}.handler"


@cache
def function_code(package: str, root: Path = ROOT) -> FunctionCode:
    """The code of ``lambdas/{package}``. Raises LookupError when there is no such handler."""
    imports = imports_of(handler_of(package), root)
    digest = digest_of(root, imports.files)
    archive = archive_path(root, package, digest)
    if not archive.exists():
        write_archive(archive, root, imports.files)
    return FunctionCode(archive, digest, imports.packages)

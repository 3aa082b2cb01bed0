"""What a module of ours imports, and what that imports: read from the sources, nothing is executed."""

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Imports:
    """What a module needs to be imported, itself included.

    ``files`` are ours, relative to the root. ``packages`` are the top-level names of everybody else's, Python's own
    excepted.
    """

    files: frozenset[Path]
    packages: frozenset[str]


def imports_of(module: str, root: Path = ROOT) -> Imports:
    """Follow every import of ``module``, those within functions too; only those for type checkers are left out.

    A package's own files that are no Python (templates, queries, certificates) come with the package. Raises
    LookupError when ``module`` is not ours.
    """
    if _file_of(root, module) is None:
        raise LookupError(f"expected the module {module} in {root}, found none")
    files: set[Path] = set()
    packages: set[str] = set()
    seen: set[str] = set()
    pending = [module]
    while pending:
        name = pending.pop()
        if name in seen:
            continue
        seen.add(name)
        file = _file_of(root, name)
        if file is None:
            # `from package import name` names a module or not; of what is not ours only the package counts.
            top = name.partition(".")[0]
            if not (root / top).is_dir() and top not in sys.stdlib_module_names:
                packages.add(top)
            continue
        files.add(file)
        if file.name == "__init__.py":
            files |= _data_beside(root, file)
        # A module is imported after the packages it lies in.
        pending += [parent for parent in [name.rpartition(".")[0]] if parent]
        pending += _named_in(root / file)
    return Imports(frozenset(files), frozenset(packages))


@cache
def _file_of(root: Path, module: str) -> Path | None:
    place = Path(*module.split("."))
    for candidate in (place.with_suffix(".py"), place / "__init__.py"):
        if (root / candidate).is_file():
            return candidate
    return None


@cache
def _data_beside(root: Path, package: Path) -> frozenset[Path]:
    beside = (
        path for path in (root / package).parent.iterdir() if path.is_file() and path.suffix not in (".py", ".pyc")
    )
    return frozenset(path.relative_to(root) for path in beside)


@cache
def _named_in(file: Path) -> tuple[str, ...]:
    return tuple(_names(ast.parse(file.read_text(), file)))


def _names(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Import():
            yield from (alias.name for alias in node.names)
        case ast.ImportFrom():
            if node.level or node.module is None:
                raise ValueError(f"expected an absolute import, found a relative one in line {node.lineno}")
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        case ast.If(test=ast.Name(id="TYPE_CHECKING")):
            for each in node.orelse:
                yield from _names(each)
        case _:
            for each in ast.iter_child_nodes(node):
                yield from _names(each)

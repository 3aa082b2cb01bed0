"""How ``duskspendr-backup`` speaks: results on standard output, the rest on standard error, JSON when asked.

Rich is imported where something is drawn with it: on a small database that takes as long as a quarter of the backup.
"""

import errno
import json
import sys
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from device.errors import BackupError, NoSpaceError, StorageError

if TYPE_CHECKING:
    from rich.text import Text

Json = Annotated[bool, typer.Option("--json", help="Answer with one JSON object.")]


def say(text: "str | Text") -> None:
    """One line of result for a person."""
    if isinstance(text, str):
        typer.echo(text)
        return
    from rich.console import Console

    Console(highlight=False, soft_wrap=True).print(text, markup=False)


def answer(value: Mapping[str, Any], *, as_json: bool, lines: "Sequence[str | Text]") -> None:
    """The command's result: one JSON object, or lines for a person."""
    if as_json:
        typer.echo(json.dumps(value, indent=2))
        return
    for line in lines:
        say(line)


def remark(text: str) -> None:
    """One line beside the result, that a person should see."""
    typer.echo(text, err=True)


@contextmanager
def progress(title: str) -> Generator[Callable[[str], None]]:
    """Show on a terminal what long work is at; elsewhere stay silent."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.text import Text

    with Console(stderr=True).status(title) as status:
        yield lambda step: status.update(Text(f"{title}: {step}"))


@contextmanager
def one_error(*, as_json: bool) -> Generator[None]:
    """Turn whatever goes wrong into one line without a traceback, and the error's exit status."""
    try:
        yield
    except (typer.Exit, typer.Abort, KeyboardInterrupt):
        raise
    except BackupError as error:
        _stop(error, as_json)
    except OSError as error:
        _stop(storage_error(error), as_json)
    except Exception as error:
        what = f"{type(error).__name__}: {error}"
        _stop(BackupError(expected="to finish", found=what, do="this is a defect of ours, please report it"), as_json)


def storage_error(error: OSError) -> BackupError:
    """What the storage refused, in this client's own terms."""
    place = f" ({error.filename})" if error.filename else ""
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return NoSpaceError(
            expected="room to write", found=f"full storage{place}", do="free some and try again; nothing was changed"
        )
    found = f"{error.strerror or error}{place}"
    return StorageError(
        expected="storage that can be read and written", found=found, do="check the path and its rights"
    )


def answer_error(error: BackupError) -> None:
    """The error as one JSON object."""
    facts = {"code": error.code, "message": str(error), "expected": error.expected, "found": error.found}
    typer.echo(json.dumps({"error": facts | {"do": error.do}}, indent=2))


def _stop(error: BackupError, as_json: bool) -> NoReturn:
    if as_json:
        answer_error(error)
    else:
        remark(f"error: {error}")
    raise typer.Exit(error.exit_status)

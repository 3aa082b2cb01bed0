"""How ``dr`` speaks: results on standard output, progress and errors on standard error, JSON when asked for."""

import json
import sys
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NoReturn

import psycopg
import typer
from rich.console import Console
from rich.text import Text
from typer._click.exceptions import ClickException
from typer.core import TyperGroup

from recovery.database import without_secrets
from recovery.refusal import RefusedError

# Of 0, 1 and 2, every command's last is for what it could not do; 1 is for what it found, refused or saw fail.
EXIT_PASSED, EXIT_FAILED, EXIT_COULD_NOT = 0, 1, 2

STATUS_STYLES = {"passed": "green", "failed": "bold red", "not_proven": "yellow"}


class InputError(ValueError):
    """An argument cannot be used; the message says what was expected, what was found and what to do."""


class Commands(TyperGroup):
    """A group of commands that answers a script in JSON even where the command line itself is wrong."""

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        windows_expand_args: bool = True,
        **extra: Any,  # noqa: ANN401 - Typer's own signature
    ) -> Any:  # noqa: ANN401
        """Run the command line and end the process, as Typer's own does."""
        words = list(sys.argv[1:] if args is None else args)
        if not standalone_mode or "--json" not in words:
            return super().main(args, prog_name, complete_var, standalone_mode, windows_expand_args, **extra)
        try:
            sys.exit(super().main(words, prog_name, complete_var, standalone_mode=False, **extra))
        except ClickException as error:
            typer.echo(json.dumps({"error": " ".join(error.format_message().split())}))
            sys.exit(error.exit_code)
        except typer.Abort:
            sys.exit(EXIT_FAILED)


def say(text: str | Text) -> None:
    """One line of result for a person."""
    Console(highlight=False, soft_wrap=True).print(text, markup=False)


def answer(value: dict[str, Any], *, as_json: bool, lines: list[str | Text]) -> None:
    """The command's result: one JSON object, or lines for a person."""
    if as_json:
        typer.echo(json.dumps(value, indent=2))
        return
    for line in lines:
        say(line)


def aligned(rows: Sequence[tuple[str, ...]], *, styles: Mapping[str, str] | None = None) -> list[str | Text]:
    """Aligned columns, whole on any width: a name that is cut off could not be pasted. ``styles`` are of words."""
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    lines: list[str | Text] = []
    for row in rows:
        cells = zip(row, widths, strict=True)
        line = Text("  ").join(Text(cell.ljust(width), style=(styles or {}).get(cell, "")) for cell, width in cells)
        line.rstrip()
        lines.append(line)
    return lines


@contextmanager
def progress(title: str) -> Generator[Callable[[str], None]]:
    """Show on a terminal what long work is at; elsewhere stay silent."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda _: None
        return
    with console.status(title) as status:
        yield lambda step: status.update(Text(f"{title}: {step}"))


@contextmanager
def one_error(*, dsn: str, as_json: bool) -> Generator[None]:
    """Turn whatever goes wrong into one line without secrets or traceback, and exit status 2; 1 for a refusal."""
    try:
        yield
    except (typer.Exit, typer.Abort, KeyboardInterrupt):
        raise
    except psycopg.errors.UndefinedTable as error:
        message = error.diag.message_primary or str(error)
        if "continuity" in message:
            message = "expected the table continuity.heartbeat, found none: run `dr bootstrap` on this database first"
        _stop(message, as_json)
    except psycopg.errors.ReadOnlySqlTransaction:
        _stop("expected a database that takes writes, found a read-only one: use the primary's DSN", as_json)
    except psycopg.errors.InsufficientPrivilege as error:
        reason = without_secrets(error.diag.message_primary or str(error), dsn)
        _stop(f"the role may not do this ({reason}): use one with more rights", as_json)
    except RefusedError as refusal:
        _stop(str(refusal), as_json, kind="refused", status=EXIT_FAILED)
    except (psycopg.Error, OSError, ValueError, RuntimeError) as error:
        _stop(without_secrets(str(error), dsn), as_json)
    # Status 1 says that a restore is proven bad; a defect of ours must never read like that.
    except Exception as error:
        _stop(f"dr itself broke, please report it: {type(error).__name__}: {without_secrets(str(error), dsn)}", as_json)


def _stop(message: str, as_json: bool, *, kind: str = "error", status: int = EXIT_COULD_NOT) -> NoReturn:
    if as_json:
        typer.echo(json.dumps({kind: message}))
    else:
        Console(stderr=True, highlight=False, soft_wrap=True).print(Text(f"{kind}: {message}"))
    raise typer.Exit(status)

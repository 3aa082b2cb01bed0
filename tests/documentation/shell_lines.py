"""The commands that pages tell people to paste, and whether the programs they name would take them.

Nothing is run. ``dr`` and ``duskspendr-backup`` are parsed by their own command trees, ``aws`` by the service models
that the AWS CLI makes its commands of. What the CLI has beside them stands in ``_CLI_OWN``, with its options.
https://docs.aws.amazon.com/cli/latest/reference/
"""

import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import botocore.session
from botocore import xform_name
from botocore.exceptions import UnknownServiceError
from botocore.model import OperationModel, Shape, StructureShape
from typer.main import get_command

from device.cli import app as device_app
from operations.cli import app as dr_app

PROGRAMS = ("dr", "aws", "duskspendr-backup")
_FENCE = re.compile(r"^(?P<indent> *)```(?P<language>\w*)\n(?P<body>.*?)^(?P=indent)```$", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"`((?:dr|aws|duskspendr-backup) [^`]+)`")
_ELLIPSIS = "..."
# https://docs.aws.amazon.com/cli/latest/userguide/cli-configure-options.html and .../cli-usage-pagination.html
_GLOBAL = {"region", "query", "output", "profile", "max-items", "page-size", "starting-token"}
_GLOBAL_FLAGS = {"no-cli-pager"}
_CLI_OWN = {
    ("s3", "cp"): {"recursive", "region"},
    ("s3", "sync"): {"region"},
    ("rds", "generate-db-auth-token"): {"hostname", "port", "username", "region"},
}
# The CLI asks for the URL's signature with it: https://docs.aws.amazon.com/cli/latest/reference/rds/
_SYNTHETIC = {"CreateDBInstanceReadReplica": {"source-region"}}
_models = botocore.session.get_session()
_TREES = {"dr": get_command(dr_app), "duskspendr-backup": get_command(device_app)}


@dataclass(frozen=True)
class Line:
    """A command of a page; ``whole`` when it stands in a block, to be pasted, and not in a sentence."""

    page: str
    text: str
    whole: bool


def commands_of(page: Path, text: str) -> Iterator[Line]:
    """The commands of a page: of its blocks without a language, and between backticks."""
    for found in _FENCE.finditer(text):
        if found["language"]:
            continue
        body = re.sub(r"\s*\\\n\s*", " ", found["body"])
        for line in body.splitlines():
            if line.strip().startswith(tuple(f"{program} " for program in PROGRAMS)):
                yield Line(page.name, line.strip(), whole=True)
    for inline in _INLINE.finditer(_FENCE.sub("", text)):
        yield Line(page.name, " ".join(inline[1].split()), whole=False)


def blocks_of(text: str) -> Iterator[str]:
    """The lines of blocks without a language."""
    for found in _FENCE.finditer(text):
        if not found["language"]:
            body = re.sub(r"\s*\\\n\s*", " ", found["body"])
            yield from (line.strip() for line in body.splitlines() if line.strip())


def fault_of(line: Line) -> str | None:
    """What the program would object to; None when it would take the line.

    A line with an ellipsis is checked up to it.
    """
    words = shlex.split(line.text, comments=True)
    whole = line.whole and _ELLIPSIS not in words
    if _ELLIPSIS in words:
        words = words[: words.index(_ELLIPSIS)]
    program, *arguments = words
    return (
        _fault_of_aws(arguments, whole=whole) if program == "aws" else _fault_of_ours(program, arguments, whole=whole)
    )


def _fault_of_ours(program: str, arguments: Sequence[str], *, whole: bool) -> str | None:
    return _fault_of_whole(program, arguments) if whole else _fault_of_part(program, arguments)


def _fault_of_whole(program: str, arguments: Sequence[str]) -> str | None:
    """What the program says when it parses all of it, values and what is required included."""
    command: Any = _TREES[program]
    context, rest = None, list(arguments)
    try:
        while True:
            context = command.make_context(program, rest, parent=context)
            rest = [*getattr(context, "_protected_args", ()), *context.args]
            if not hasattr(command, "commands") or (command.invoke_without_command and not rest):
                return None
            _, command, rest = command.resolve_command(context, rest)
    except Exception as error:  # the usage errors of whichever click typer brings
        return f"{program}: {getattr(error, 'format_message', error.__repr__)()}"


def _fault_of_part(program: str, arguments: Sequence[str]) -> str | None:
    """Whether its commands and options exist; a word in capitals stands for any of them."""
    command: Any = _TREES[program]
    for word in arguments:
        if word.startswith("--"):
            known = {name for option in command.params for name in (*option.opts, *option.secondary_opts)}
            if word not in known:
                return f"{program}: no option {word}"
        elif hasattr(command, "commands"):
            if word.isupper():
                return None
            command = command.get_command(command.context_class(command), word)
            if command is None:
                return f"{program}: no command {word}"
    return None


def _fault_of_aws(arguments: Sequence[str], *, whole: bool) -> str | None:
    if len(arguments) < 2:
        return "aws: expected a service and an operation"
    service, name, *rest = arguments
    if (service, name) in _CLI_OWN:
        given = {word.removeprefix("--") for word in rest if word.startswith("--")}
        unknown = given - _CLI_OWN[service, name]
        return f"aws {service} {name}: no option {unknown}" if unknown else None
    try:
        model = _models.get_service_model("s3" if service == "s3api" else service)
    except UnknownServiceError:
        return f"aws: no service {service}"
    operations = {xform_name(each, "-"): each for each in model.operation_names}
    if name not in operations:
        return f"aws {service}: no operation {name}"
    fault = _fault_of_arguments(model.operation_model(operations[name]), rest, whole=whole)
    return f"aws {service} {name}: {fault}" if fault else None


def _fault_of_arguments(operation: OperationModel, words: Sequence[str], *, whole: bool) -> str | None:
    shape = operation.input_shape
    members = {xform_name(member, "-"): found for member, found in (shape.members if shape else {}).items()}
    given: set[str] = set()
    for option, values in _options(words):
        if option in _GLOBAL_FLAGS or option in _SYNTHETIC.get(operation.name, ()):
            continue
        is_negated = option.startswith("no-") and option.removeprefix("no-") in members
        member = option.removeprefix("no-") if is_negated else option
        if member in members:
            given.add(member)
            if fault := _fault_of_values(members[member], values, negated=is_negated):
                return f"--{option}: {fault}"
        elif option not in _GLOBAL:
            return f"no option --{option}"
        elif len(values) != 1:
            return f"--{option}: expected one value, found {values}"
    # A token of idempotency is made up by the CLI.
    tokens = {name for name, found in members.items() if found.metadata.get("idempotencyToken")}
    required = {xform_name(each, "-") for each in (shape.required_members if shape else [])} - tokens
    missing = required - given
    return f"expected {sorted(missing)}" if missing and whole else None


def _options(words: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    option: str | None = None
    values: list[str] = []
    for word in words:
        if word.startswith("--"):
            if option is not None:
                yield option, values
            option, values = word.removeprefix("--"), []
        elif option is None:
            yield word, []  # no operation takes an argument without a name
        else:
            values.append(word)
    if option is not None:
        yield option, values


def _fault_of_values(shape: Shape, values: Sequence[str], *, negated: bool) -> str | None:
    if shape.type_name == "boolean":
        return f"expected no value, found {values}" if values else None
    if negated:
        return "is no switch"
    if not values:
        return "expected a value"
    if shape.type_name == "list":
        faults = (_fault_of_value(shape.member, value) for value in values)  # type: ignore[attr-defined]
        return next((fault for fault in faults if fault), None)
    return _fault_of_value(shape, values[0]) if len(values) == 1 else f"expected one value, found {values}"


def _fault_of_value(shape: Shape, value: str) -> str | None:
    if value.startswith("file://") or re.fullmatch(r"[A-Z_]+", value):
        return None  # a placeholder, for the reader to fill
    if isinstance(shape, StructureShape):
        keys = [part.partition("=")[0] for part in value.split(",") if "=" in part]
        unknown = set(keys) - set(shape.members)
        return f"no {unknown} in {sorted(shape.members)}" if unknown or not keys else None
    if shape.type_name in ("integer", "long") and not re.fullmatch(r"-?\d+", value):
        return f"expected a number, found {value}"
    allowed: Sequence[str] = getattr(shape, "enum", None) or ()
    return f"expected one of {allowed}, found {value}" if allowed and value not in allowed else None

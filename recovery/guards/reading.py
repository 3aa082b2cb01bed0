"""Reads templates: a cloud assembly of the CDK, a folder of CloudFormation templates, or one file; JSON or YAML.

The CDK's manifests tell region, account and acknowledgements. Elsewhere a folder named like a region (``ap-south-1``)
tells the region of what lies in it; without one, what depends on the region is not resolved.
"""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import cast

import yaml

from recovery.guards.templates import Assembly, Json, Stack, dig
from recovery.guards.values import Value

_REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-\d")
_SUFFIXES = {".json", ".yaml", ".yml", ".template"}
MANIFEST = "manifest.json"
ACKNOWLEDGED, LOGICAL_ID = "aws:cdk:acknowledged-rules", "aws:cdk:logicalId"


class NotTemplatesError(ValueError):
    """What was given holds no templates; the message says what was expected, found, and what to do."""


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """CloudFormation's YAML: short functions such as ``!Ref``, and dates stay text."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - PyYAML's own form
        first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


def _short(loader: Value, suffix: str, node: yaml.Node) -> Json:
    name = suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}"
    if isinstance(node, yaml.ScalarNode):
        return {name: loader.construct_scalar(node)}
    if isinstance(node, yaml.SequenceNode):
        return {name: loader.construct_sequence(node, deep=True)}
    return {name: loader.construct_mapping(node, deep=True)}


_Loader.add_multi_constructor("!", _short)  # pyright: ignore[reportUnknownMemberType]


def parse(text: str, where: str) -> Value:
    """A document in JSON or in CloudFormation's YAML. Raises :class:`NotTemplatesError`."""
    try:
        if text.lstrip().startswith("{"):
            return json.loads(text)
        return yaml.load(text, Loader=_Loader)  # noqa: S506 - a SafeLoader
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        reason = " ".join(str(error).split())
        raise NotTemplatesError(
            f"{where}: expected a CloudFormation template in JSON or YAML, found what cannot be parsed ({reason})."
            " Correct the file."
        ) from error


def is_template(document: object) -> bool:
    """Whether a document has the form of a template: resources, each with a type, or functions that make some."""
    if not isinstance(document, dict):
        return False
    resources = cast(Json, document).get("Resources")
    if not isinstance(resources, dict) or not resources:
        return False
    return all(
        name.startswith("Fn::") or (isinstance(body, dict) and isinstance(cast(Json, body).get("Type"), str))
        for name, body in cast(dict[str, object], resources).items()
    )


def read(place: Path) -> Assembly:
    """All templates at ``place``. Raises :class:`NotTemplatesError`, or OSError for what cannot be read."""
    assembly = Assembly()
    if not place.exists():
        raise NotTemplatesError(
            f"{place}: expected a folder or file of CloudFormation templates, found nothing. Run `cdk synth` first, or"
            " name the folder."
        )
    if place.is_file():
        _add_file(assembly, place, place, must=True)
    elif _is_assembly(place):
        _add_assembly(assembly, place, place)
    else:
        for file in sorted(path for path in place.rglob("*") if path.suffix in _SUFFIXES and path.is_file()):
            _add_file(assembly, file, place, must=False)
    if not assembly.stacks:
        raise NotTemplatesError(
            f"{place}: expected CloudFormation templates, found none. Name the folder that `cdk synth` wrote, or one"
            " with templates."
        )
    return assembly


def _add_file(assembly: Assembly, file: Path, root: Path, *, must: bool) -> None:
    try:
        text = file.read_text(encoding="utf-8")
        # A folder holds other files, too; one that speaks of resources and cannot be parsed is a broken template.
        if not must and "Resources" not in text:
            return
        document = parse(text, str(file))
    except UnicodeDecodeError as error:
        raise NotTemplatesError(f"{file}: expected text in UTF-8, found other bytes. Correct the file.") from error
    if not is_template(document):
        if must:
            raise NotTemplatesError(f"{file}: expected Resources, each with a Type, found none. Name a template.")
        return
    region = next((part for part in reversed(file.parts[:-1]) if _REGION.fullmatch(part)), None)
    shown = file.name if file == root else file.relative_to(root).as_posix()
    assembly.add(file.name.split(".")[0], cast(Json, document), file=shown, known_region=region)


def _is_assembly(folder: Path) -> bool:
    """Whether the CDK wrote the folder; other tools have manifests of their own."""
    file = folder / MANIFEST
    return file.is_file() and isinstance(dig(_document(file, MANIFEST), "artifacts"), dict)


def _document(file: Path, named_in: str) -> Value:
    """What a file of an assembly holds. Raises :class:`NotTemplatesError` when it is not there or cannot be parsed."""
    try:
        return parse(file.read_text(encoding="utf-8"), str(file))
    except UnicodeDecodeError as error:
        raise NotTemplatesError(f"{file}: expected text in UTF-8, found other bytes. Run `cdk synth` again.") from error
    except OSError as error:
        raise NotTemplatesError(
            f"{file}: expected the file that {named_in} names, found: {error.strerror}. Run `cdk synth` again."
        ) from error


def _add_assembly(assembly: Assembly, folder: Path, root: Path) -> None:
    manifest = cast(Json, _document(folder / MANIFEST, "the assembly"))
    for artifact in cast(dict[str, Json], manifest.get("artifacts") or {}).values():
        properties = cast(Json, artifact.get("properties") or {})
        if artifact.get("type") == "cdk:cloud-assembly":
            _add_assembly(assembly, folder / str(properties.get("directoryName")), root)
        elif artifact.get("type") == "aws:cloudformation:stack":
            _add_artifact(assembly, folder, artifact, properties, root)


def _add_artifact(assembly: Assembly, folder: Path, artifact: Json, properties: Json, root: Path) -> None:
    file = folder / str(properties.get("templateFile"))
    account, region = environment_of(str(artifact.get("environment", "")))
    metadata: Json = {}
    if name := artifact.get("additionalMetadataFile"):
        metadata = cast(Json, _document(folder / str(name), MANIFEST))
    metadata |= cast(Json, artifact.get("metadata") or {})
    stack = assembly.add(
        str(properties.get("stackName") or artifact.get("displayName")),
        _template(file),
        file=file.relative_to(root).as_posix(),
        known_region=region,
        known_account=account,
        acknowledged=acknowledgements(metadata),
        paths=construct_paths(metadata),
    )
    _add_nested(assembly, stack, folder, root)


def _template(file: Path) -> Json:
    document = _document(file, MANIFEST)
    if not is_template(document):
        raise NotTemplatesError(f"{file}: expected Resources, each with a Type, found none. Run `cdk synth` again.")
    return cast(Json, document)


def _add_nested(assembly: Assembly, parent: Stack, folder: Path, root: Path) -> None:
    for resource in parent.resources.values():
        asset = cast(Json, resource.body.get("Metadata") or {}).get("aws:asset:path")
        if resource.type != "AWS::CloudFormation::Stack" or not isinstance(asset, str):
            continue
        file = folder / asset
        if not file.is_file():
            continue
        stack = assembly.add(
            f"{parent.name}/{resource.logical_id}",
            _template(file),
            file=file.relative_to(root).as_posix(),
            known_region=parent.known_region,
            known_account=parent.known_account,
            acknowledged=parent.acknowledged,
        )
        _add_nested(assembly, stack, folder, root)


def environment_of(text: str) -> tuple[str | None, str | None]:
    """Account and region of ``aws://123456789012/ap-south-1``; None for what the CDK does not know either."""
    match = re.fullmatch(r"aws://([^/]+)/([^/]+)", text)
    if match is None:
        return None, None
    account, region = match[1], match[2]
    return (account if account.isdigit() else None), (region if _REGION.fullmatch(region) else None)


def acknowledgements(metadata: Json) -> dict[str, Mapping[str, str]]:
    """Rules and reasons by construct path, from the metadata of a stack's constructs."""
    found: dict[str, Mapping[str, str]] = {}
    for path, entries in metadata.items():
        rules: dict[str, str] = {}
        for entry in cast(list[Json], entries):
            if entry.get("type") == ACKNOWLEDGED:
                rules |= cast(dict[str, str], entry.get("data") or {})
        if rules:
            found[path.lstrip("/")] = rules
    return found


def construct_paths(metadata: Json) -> dict[str, str]:
    """Construct paths by logical id, from the metadata of a stack's constructs."""
    found: dict[str, str] = {}
    for path, entries in metadata.items():
        for entry in cast(list[Json], entries):
            if entry.get("type") == LOGICAL_ID and isinstance(entry.get("data"), str):
                found[entry["data"]] = path.lstrip("/")
    return found

"""A JSON Schema as tables for people: one a type, in the order in which a reader meets them."""

from collections.abc import Mapping
from typing import Any, cast

Schema = Mapping[str, Any]


def page(schema: Schema) -> str:
    """The fields of ``schema`` and of every type it refers to."""
    blocks = [_type("The record", schema)]
    for name, definition in cast(Mapping[str, Schema], schema.get("$defs", {})).items():
        blocks.append(_type(name, definition))
    return "\n\n".join(blocks)


def _type(name: str, schema: Schema) -> str:
    lines = [f"## {name}", ""]
    if "description" in schema:
        lines += [_line(schema["description"]), ""]
    if "enum" in schema:
        return "\n".join([*lines, "One of " + ", ".join(f"`{each}`" for each in schema["enum"]) + "."])
    required = set(schema.get("required", ()))
    lines += ["| field | type | always | what |", "|---|---|---|---|"]
    for field, value in cast(Mapping[str, Schema], schema.get("properties", {})).items():
        always = "yes" if field in required else "no"
        lines.append(f"| `{field}` | {kind(value)} | {always} | {_line(value.get('description', ''))} |")
    return "\n".join(lines)


def kind(value: Schema) -> str:
    """A field's type in a few words, with links to the types of this schema."""
    if "$ref" in value:
        name = str(value["$ref"]).rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "anyOf" in value:
        return " or ".join(kind(each) for each in value["anyOf"])
    if "const" in value:
        return f"`{value['const']}`"
    if "enum" in value:
        return " or ".join(f"`{each}`" for each in value["enum"])
    if value.get("type") == "array":
        return f"list of {kind(value['items'])}" if "items" in value else "list"
    if value.get("type") == "object" and isinstance(value.get("additionalProperties"), dict):
        return f"map to {kind(value['additionalProperties'])}"
    extra = f" ({value['format']})" if "format" in value else ""
    return f"{value.get('type', 'any')}{extra}"


def _line(text: object) -> str:
    return " ".join(str(text).split()).replace("|", "\\|").replace("``", "`")

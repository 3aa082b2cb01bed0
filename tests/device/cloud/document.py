"""The API's own document, for holding against it what a client asks and a double answers.

OpenAPI 3.1 writes its schemas in JSON Schema 2020-12: https://spec.openapis.org/oas/v3.1.0#schema-object
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import yaml
from jsonschema import Draft202012Validator, FormatChecker

PAGE = Path(__file__).parents[3] / "docs/api/device-backups.openapi.yaml"
_FORMATS = FormatChecker(formats=())


@_FORMATS.checks("date-time", raises=ValueError)
def _is_moment(text: object) -> bool:
    return datetime.fromisoformat(str(text)).tzinfo is not None


@_FORMATS.checks("uri")
def _is_address(text: object) -> bool:
    return bool(urlsplit(str(text)).scheme and urlsplit(str(text)).netloc)


@dataclass(frozen=True)
class Operation:
    """One operation of the document, as a request met it: with the values of its path's parameters."""

    document: dict[str, Any]
    facts: dict[str, Any]
    path: Mapping[str, str]

    def faults_of_request(self, query: Mapping[str, str], body: bytes) -> Iterator[str]:
        """What the document does not allow in a request."""
        places = {"path": self.path, "query": query}
        parameters = [self._resolved(each) for each in self.facts.get("parameters", [])]
        for each in parameters:
            value = places[each["in"]].get(each["name"])
            if value is not None:
                yield from self._faults(each["name"], each["schema"], value)
            elif each.get("required"):
                yield f"no {each['name']}"
        known = {each["name"] for each in parameters if each["in"] == "query"}
        yield from (f"the document knows no {name} in the query" for name in query.keys() - known)
        if "requestBody" in self.facts:
            schema = self.facts["requestBody"]["content"]["application/json"]["schema"]
            yield from self._faults("the body", schema, json.loads(body))
        elif body:
            yield "a body, which the document does not know"

    def faults_of_answer(self, status: int, body: bytes) -> Iterator[str]:
        """What the document does not allow in an answer."""
        if str(status) not in self.facts["responses"]:
            yield f"the document knows no answer {status}"
            return
        content = self._resolved(self.facts["responses"][str(status)])["content"]
        yield from self._faults(f"the answer {status}", content["application/json"]["schema"], json.loads(body))

    def _faults(self, what: str, schema: dict[str, Any], value: object) -> Iterator[str]:
        # The references of a schema lead into the whole document.
        whole = schema | {"components": self.document["components"]}
        validator: Any = Draft202012Validator(whole, format_checker=_FORMATS)
        for error in validator.iter_errors(value):
            yield f"{what}{error.json_path[1:]}: {error.message}"

    def _resolved(self, part: dict[str, Any]) -> dict[str, Any]:
        if "$ref" not in part:
            return part
        found = self.document
        for name in part["$ref"].removeprefix("#/").split("/"):
            found = found[name]
        return found


def operation(method: str, path: str) -> Operation | None:
    """The operation that a request asks for, or None: the document knows none."""
    for template, operations in _document()["paths"].items():
        match = re.fullmatch(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", template), path)
        if match and method.lower() in operations:
            values = {name: unquote(value) for name, value in match.groupdict().items()}
            return Operation(_document(), operations[method.lower()], values)
    return None


@cache
def _document() -> dict[str, Any]:
    return yaml.safe_load(PAGE.read_text(encoding="utf-8"))

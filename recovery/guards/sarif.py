"""A report as SARIF 2.1.0, which code hosts show beside the lines it is about.

https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html
"""

import re
from pathlib import Path
from typing import Any
from urllib.parse import quote

from recovery.guards.finding import Acknowledged, Finding, NotRead, NotResolved, Report
from recovery.guards.rule import RULES, Rule

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
VERSION = "2.1.0"
DRIVER = "dr guard"

_Json = dict[str, Any]


def sarif(report: Report, *, root: Path, version: str) -> _Json:
    """The report as one run. ``root`` is what was read, which the files of findings are relative to."""
    indices = {name: index for index, name in enumerate(RULES)}
    driver = {"name": DRIVER, "version": version, "rules": [_rule(rule) for rule in RULES.values()]}
    results = [_failed(each, root) for each in report.findings]
    results += [_suppressed(each) for each in report.acknowledged]
    results += [_open(each) for each in report.not_resolved]
    for result in results:
        result["ruleIndex"] = indices[result["ruleId"]]
    invocation = {
        "executionSuccessful": True,
        "toolExecutionNotifications": [_unread(each) for each in report.not_read],
    }
    run = {
        "tool": {"driver": driver},
        "invocations": [invocation],
        "columnKind": "unicodeCodePoints",
        "results": results,
    }
    return {"$schema": SCHEMA, "version": VERSION, "runs": [run]}


def _rule(rule: Rule) -> _Json:
    return {
        "id": rule.name,
        "shortDescription": {"text": rule.expects},
        "fullDescription": {"text": rule.why},
        "help": {"text": rule.fix},
        "helpUri": rule.source,
        "defaultConfiguration": {"level": rule.severity},
        "properties": {"subject": rule.subject, "trap": rule.trap} if rule.trap else {"subject": rule.subject},
    }


def _failed(finding: Finding, root: Path) -> _Json:
    base = root if root.is_dir() else root.parent
    location: _Json = {"artifactLocation": {"uri": _uri(finding.file)}}
    if (line := line_of(base / finding.file, finding.logical_id)) is not None:
        location["region"] = {"startLine": line}
    where = f"{finding.logical_id} {finding.path}".strip()
    return {
        "ruleId": finding.rule,
        "kind": "fail",
        "level": finding.severity,
        "message": {
            "text": f"{where}: found {finding.found}, expected {finding.expected}. {finding.why} {finding.fix}"
        },
        "locations": [{"physicalLocation": location, "logicalLocations": [_logical(finding)]}],
        "partialFingerprints": {"place/v1": f"{finding.stack}/{finding.logical_id}/{finding.path}"},
    }


def _suppressed(acknowledged: Acknowledged) -> _Json:
    return {
        "ruleId": acknowledged.rule,
        "kind": "fail",
        "level": RULES[acknowledged.rule].severity,
        "message": {"text": f"{acknowledged.logical_id}: {RULES[acknowledged.rule].expects}"},
        "locations": [{"logicalLocations": [_logical(acknowledged)]}],
        "suppressions": [{"kind": "inSource", "justification": acknowledged.reason}],
    }


def _open(unknown: NotResolved) -> _Json:
    where = f"{unknown.logical_id} {unknown.path}".strip()
    return {
        "ruleId": unknown.rule,
        "kind": "open",
        "level": "none",
        "message": {"text": f"{where}: could not be resolved: {unknown.reason}"},
        "locations": [{"logicalLocations": [_logical(unknown)]}],
    }


def _unread(part: NotRead) -> _Json:
    return {
        "level": "warning",
        "message": {"text": f"{part.path} was not looked at: {part.reason}"},
        "locations": [{"physicalLocation": {"artifactLocation": {"uri": _uri(part.file)}}}],
    }


def _logical(found: Finding | Acknowledged | NotResolved) -> _Json:
    return {"name": found.logical_id, "fullyQualifiedName": found.construct, "kind": "resource"}


def _uri(file: str) -> str:
    """A path as a relative URI, which takes neither spaces nor brackets as they are."""
    return quote(file.replace("\\", "/"))


def line_of(file: Path, logical_id: str) -> int | None:
    """The line on which a template begins a resource, counted from 1; None when it cannot be found."""
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None
    match = re.search(rf'^\s*"?{re.escape(logical_id)}"?\s*:', text, re.MULTILINE)
    return text.count("\n", 0, match.end()) + 1 if match else None

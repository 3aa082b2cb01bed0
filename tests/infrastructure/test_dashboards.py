"""A dashboard a region: objectives first, every alarm with limit and runbook, and no metric that nobody emits."""

import json
import re
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pytest

from continuity.dashboard import tiers_table
from recovery import objectives
from recovery.alarms import alarms_in, events_in, groups_in
from recovery.alarms.reading import COMPOSITE
from recovery.alarms.service_metrics import emitted
from recovery.alarms.table import Role, is_composite
from recovery.names import METRIC_NAMESPACE
from tests.emitters import EMITTERS, SENT_ACROSS
from tests.infrastructure.assemblies import Assembly

HOMES: dict[Role, tuple[str, str]] = {
    "primary": ("Observability", "ap-south-1"),
    "recovery": ("RecoveryStandby", "ap-southeast-1"),
}
TOKEN = "deployed"


@dataclass(frozen=True)
class Dashboard:
    """A region's dashboard. What CloudFormation fills in reads TOKEN."""

    assembly: Assembly
    role: Role

    @cached_property
    def properties(self) -> dict[str, Any]:
        return self.assembly.only(HOMES[self.role][0], "AWS::CloudWatch::Dashboard")

    @cached_property
    def widgets(self) -> list[dict[str, Any]]:
        body: Any = self.properties["DashboardBody"]
        text = (
            body if isinstance(body, str) else "".join(p if isinstance(p, str) else TOKEN for p in body["Fn::Join"][1])
        )
        return json.loads(text)["widgets"]

    @property
    def serving(self) -> bool:
        return self.role == "primary"

    @property
    def texts(self) -> list[str]:
        return [each["properties"]["markdown"] for each in self.widgets if each["type"] == "text"]

    def metrics(self) -> list[tuple[str, str, frozenset[str]]]:
        """Namespace, name and dimensions' names of every metric."""
        found: list[tuple[str, str, frozenset[str]]] = []
        for widget in self.widgets:
            for metric in widget["properties"].get("metrics", []):
                if isinstance(metric[0], str):
                    words = [word for word in metric if isinstance(word, str)]
                    found.append((words[0], words[1], frozenset(words[2::2])))
        return found

    def lines(self) -> dict[str, float]:
        """The lines of all graphs by their label."""
        annotations = [widget["properties"].get("annotations", {}) for widget in self.widgets]
        found = [line for each in annotations for line in each.get("horizontal", [])]
        return {line["label"]: line["value"] for line in found}


@pytest.fixture(params=list(HOMES))
def dashboard(request: pytest.FixtureRequest, assembly: Assembly) -> Dashboard:
    return Dashboard(assembly, request.param)


def test_dashboards_of_both_regions_have_names_of_their_own(assembly: Assembly) -> None:
    names = {Dashboard(assembly, role).properties["DashboardName"] for role in HOMES}
    assert names == {f"duskspendr-{assembly.environment}-{region}" for _, region in HOMES.values()}


def test_tiers_with_their_targets_come_first(dashboard: Dashboard) -> None:
    assert tiers_table() in dashboard.texts[0]
    headings = [text.partition("\n")[0] for text in dashboard.texts[1:]]
    assert [heading.partition(":")[0] for heading in headings[:3]] == [f"## {tier.label}" for tier in objectives.TIERS]
    assert headings[3:] == [
        "## Backups", "## Replication", "## Devices", "## Drills and proofs", "## The alarms themselves",
    ]  # fmt: skip


def test_objectives_are_lines_over_what_is_measured(dashboard: Dashboard) -> None:
    lines = dashboard.lines()
    assert lines["RTO 4 h"] == objectives.FULL.rto.total_seconds()
    assert lines["RPO 1 h"] == objectives.FULL_RPO.total_seconds()
    if dashboard.serving:
        assert lines["RTO 1 h"] == objectives.DATABASE.rto.total_seconds() / 60


def test_every_metric_is_one_that_somebody_emits(dashboard: Dashboard) -> None:
    own = {name for names in (*EMITTERS.values(), *SENT_ACROSS.values()) for name in names}
    assert dashboard.metrics()
    for namespace, name, dimensions in dashboard.metrics():
        if namespace == METRIC_NAMESPACE:
            assert (name in own, dimensions) == (True, {"Environment"}), name
        else:
            assert emitted(namespace, name, dimensions), name


def test_every_alarm_of_the_region_is_shown_with_its_limit(dashboard: Dashboard) -> None:
    template = dashboard.assembly.properties(HOMES[dashboard.role][0], "AWS::CloudWatch::Alarm")
    thresholds = {each["AlarmName"].split("-", 2)[2]: each["Threshold"] for each in template}
    titles = {widget["properties"].get("title") for widget in dashboard.widgets}
    labels = {
        metric[-1]["label"]
        for widget in dashboard.widgets
        for metric in widget["properties"].get("metrics", [])
        if isinstance(metric[-1], dict) and "label" in metric[-1]
    }
    for row in alarms_in(dashboard.role, serving=dashboard.serving):
        if row.home == "service":
            assert row.subject in titles
        elif row.above == 0:
            assert row.subject in labels
        else:
            assert dashboard.lines()[row.subject] == thresholds[row.subject]


def test_every_alarm_and_event_of_the_region_links_to_its_runbook_once(dashboard: Dashboard) -> None:
    links = [link for text in dashboard.texts[1:] for link in re.findall(r"\]\((https://[^)]+/[^/)]+)/\)", text)]
    rows = (
        *alarms_in(dashboard.role, serving=dashboard.serving),
        *events_in(dashboard.role, serving=dashboard.serving),
    )
    assert sorted(link.rpartition("/")[2] for link in links) == sorted(row.runbook for row in rows)


def test_states_are_those_of_the_alarms_that_act(dashboard: Dashboard) -> None:
    [states] = [widget["properties"]["alarms"] for widget in dashboard.widgets if widget["type"] == "alarm"]
    groups = groups_in(dashboard.role, serving=dashboard.serving)
    speakers = {
        f"{COMPOSITE}{cause.name}" if is_composite(cause, groups) else members[0].subject
        for cause, members in groups.items()
    }
    prefix = f":{HOMES[dashboard.role][1]}:"
    assert {arn.rpartition(f"duskspendr-{dashboard.assembly.environment}-")[2] for arn in states} == speakers
    assert all(prefix in arn for arn in states)


def test_tiers_read_as_the_spec_writes_them() -> None:
    assert tiers_table().splitlines()[2:] == [
        "| Tier 1 (database) | 1 h | 0 | Multi-AZ RDS, automatic failover |",
        "| Tier 2 (application) | 30 min | N/A | ECS auto-recovery |",
        "| Tier 3 (full) | 4 h | 1 h | Cross-region restore |",
    ]

"""Every event of the table reaches the notifier, and one that cannot is kept."""

import re

from recovery.alarms import EVENTS, events_in
from tests.infrastructure.alarm_graph import METRIC, Region
from tests.infrastructure.assemblies import text_of


def test_every_event_of_the_table_reaches_the_notifier_with_its_name(region: Region) -> None:
    topic = {"Ref": region.topics()["alarms"]}
    named = {
        signal[1]
        for _, _, rule in region.of("AWS::Events::Rule")
        for target in rule["Targets"]
        if target["Arn"] == topic and rule["State"] == "ENABLED"
        if (signal := re.search(r'"signal":"([a-z-]+)"', target["InputTransformer"]["InputTemplate"]))
    }
    assert named == {event.subject for event in events_in(region.role, serving=region.serving)}


def test_event_that_cannot_be_handed_over_is_kept_where_an_alarm_looks(region: Region) -> None:
    topic = {"Ref": region.topics()["alarms"]}
    [dimension] = region.alarms(METRIC)["notifier-failing"]["Dimensions"]
    queue = dimension["Value"]["Fn::GetAtt"][0]
    for _, _, rule in region.of("AWS::Events::Rule"):
        for target in rule["Targets"]:
            if target["Arn"] == topic:
                assert target["DeadLetterConfig"]["Arn"]["Fn::GetAtt"] == [queue, "Arn"]


def test_every_pattern_matches_something_of_the_table(region: Region) -> None:
    for _, _, rule in region.of("AWS::Events::Rule"):
        pattern = rule.get("EventPattern", {})
        if "AlarmsTopic" in text_of(rule["Targets"]):
            assert any(
                (event.source, event.detail_type) == (pattern["source"][0], pattern["detail-type"][0])
                for event in EVENTS
            )
            assert "{" not in text_of(
                [each for values in pattern["detail"].values() for each in values if isinstance(each, str)]
            )

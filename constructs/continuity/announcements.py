"""Events that no metric shows, as the table has them, on their way to the notifier."""

import re
from collections.abc import Sequence
from functools import cache

from aws_cdk import aws_events as events
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from continuity.alarms import alarm_id
from continuity.interfaces import publish
from recovery.alarms.model import Event
from recovery.alarms.table import Role, events_in
from recovery.alarms.values import Values, fill

# What the notifier reads of an event; see recovery.alarms.reading.
_FIELDS = ("source", "detail-type", "id", "time", "region", "account", "resources", "detail")


class Announcements(Construct):
    """A rule for every event that the table has for a region of this ``role``; each is named to the notifier."""

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002
        *,
        topic: sns.ITopic,
        lost_events: sqs.IQueue,
        role: Role,
        serving: bool,
        values: Values,
    ) -> None:
        super().__init__(scope, id)
        for event in events_in(role, serving=serving):
            events.Rule(
                self,
                alarm_id(event.subject),
                event_pattern=_pattern(event, values),
                targets=[
                    publish(
                        topic,
                        {"signal": event.subject} | {field: _of_event(field) for field in _FIELDS},
                        lost_events=lost_events,
                    )
                ],
            )


@cache
def _of_event(field: str) -> str:
    """A field of the event; once each, for each is a call of the CDK."""
    return events.EventField.from_path(f"$.{field}")


def _pattern(event: Event, values: Values) -> events.EventPattern:
    suffix = event.resource_suffix
    return events.EventPattern(
        source=[event.source],
        detail_type=[event.detail_type],
        detail={
            key: [value for template in templates for value in _filled(template, values)]
            for key, templates in event.detail.items()
        },
        resources=None if suffix is None else events.Match.suffix(fill(suffix, values)),
    )


def _filled(template: str, values: Values) -> Sequence[str]:
    """A text, or all of a list that the template is nothing but the name of."""
    name = re.fullmatch(r"{(\w+)}", template)
    value = values.get(name[1]) if name else None
    return value if value is not None and not isinstance(value, str) else [fill(template, values)]

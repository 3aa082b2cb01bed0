"""What the emulator lacks between a function and an alarm: metrics in the logs of functions, composites in templates.

Its alarms look at a metric's name and not at its dimensions; it knows no missing data, and no alarm that keeps another
quiet. That the dimensions fit is for the tests over the templates to say.
"""

import json
from collections.abc import Mapping
from typing import Any, cast

from lab.emulator import hooks

COMPOSITE = "AWS::CloudWatch::CompositeAlarm"


class Alarms:
    """Publishes what functions print in the embedded metric format, and makes the templates' composite alarms."""

    def install(self) -> None:
        """Add both to the emulator."""
        hooks.after_function_output(_publish)
        hooks.handle_type(
            COMPOSITE,
            {"create": _create, "update": _update, "update_with_logical_id": True, "delete": _delete},
        )


def _publish(output: str) -> None:
    """https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html"""
    for line in output.splitlines():
        if '"CloudWatchMetrics"' not in line:
            continue
        try:
            said: dict[str, Any] = json.loads(line)
        except ValueError:
            continue
        for directive in said["_aws"]["CloudWatchMetrics"]:
            for names in directive["Dimensions"]:
                dimensions = {name: str(said[name]) for name in names}
                for metric in directive["Metrics"]:
                    for value in _values(said[metric["Name"]]):
                        hooks.record_metric(directive["Namespace"], metric["Name"], value, dimensions)
                    hooks.evaluate_alarms_on(directive["Namespace"], metric["Name"])


def _values(value: object) -> list[float]:
    return (
        [float(each) for each in cast(list[float], value)] if isinstance(value, list) else [float(cast(float, value))]
    )


def _create(_logical_id: str, properties: hooks.Properties, _stack: str) -> tuple[str, dict[str, Any]]:
    name = str(properties["AlarmName"])
    hooks.put_composite_alarm(_request(properties))
    return name, {"Arn": f"arn:aws:cloudwatch:{hooks.region()}:{hooks.account()}:alarm:{name}"}


def _update(
    _physical_id: str, _old: hooks.Properties, new: hooks.Properties, stack: str, logical_id: str
) -> tuple[str, dict[str, Any]]:
    return _create(logical_id, new, stack)


def _delete(physical_id: str, _properties: hooks.Properties) -> None:
    hooks.delete_composite_alarm(physical_id)


def _request(properties: Mapping[str, Any]) -> dict[str, Any]:
    """As the API takes it, where the template has booleans as text."""
    return dict(properties) | {
        "ActionsEnabled": str(properties.get("ActionsEnabled", True)).lower() == "true",
        "Tags": [],
    }

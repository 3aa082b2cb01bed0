"""Where in AWS's console one sees more."""

from collections.abc import Mapping
from urllib.parse import quote

from recovery.names import CLUSTER, SERVICE


def alarm_link(region: str, name: str) -> str:
    """An alarm's page."""
    return f"{_home(region, 'cloudwatch')}#alarmsV2:alarm/{quote(name, safe='')}"


def event_link(region: str, source: str, detail: Mapping[str, object]) -> str:
    """The page of what an event of ``source`` is about; the service's own page when the event does not say."""
    match source:
        case "aws.rds" if "SourceIdentifier" in detail:
            return (
                f"{_home(region, 'rds')}#database:id={quote(str(detail['SourceIdentifier']), safe='')};is-cluster=false"
            )
        case "aws.states" if "executionArn" in detail:
            return f"{_home(region, 'states')}#/v2/executions/details/{quote(str(detail['executionArn']), safe=':')}"
        case "aws.ecs":
            return f"{_home(region, 'ecs/v2', rest=f'clusters/{CLUSTER}/services/{SERVICE}/deployments')}"
        case "aws.backup":
            return f"{_home(region, 'backup')}#jobs"
        case _:
            return _home(region, source.removeprefix("aws."))


def _home(region: str, service: str, rest: str = "home") -> str:
    return f"https://{region}.console.aws.amazon.com/{service}/{rest}?region={region}"

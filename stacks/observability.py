"""What tells a person that an objective is at stake in the primary region."""

from collections.abc import Sequence

from constructs import Construct

from continuity.alarm_topic import AlarmTopic
from continuity.deployment import Deployment
from stacks.regional_stack import RegionalStack


class ObservabilityStack(RegionalStack):
    """Topic, alarms, announcements and the dashboard."""

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002
        *,
        deployment: Deployment,
        region: str,
        alarm_emails: Sequence[str],
    ) -> None:
        super().__init__(scope, id, deployment=deployment, region=region)
        self.topic = AlarmTopic(self, "Alarms", deployment=deployment, emails=alarm_emails).topic

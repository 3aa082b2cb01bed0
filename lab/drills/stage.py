"""What every drill in the cloud begins with: the deployed environment."""

from collections.abc import Sequence

from lab.cloud import Cloud
from lab.deployment import Deployment, bootstrap, deploy, synthesize
from lab.timeline import Timeline


def deploy_stage(cloud: Cloud, timeline: Timeline, title: str, *, only: Sequence[str] = ("*",)) -> Deployment:
    """Synthesize, bootstrap both regions, and deploy these stacks with what they stand on; each is a step.

    ``title`` names the last one. Raises LabError.
    """
    with timeline.step("Synthesize environment local"):
        assembly = synthesize(cloud)
    with timeline.step("Bootstrap both regions") as step:
        step.detail = ", ".join(bootstrap(cloud, assembly))
    with timeline.step(title) as step:
        return deploy(cloud, assembly, lambda text: timeline.update(step, text), only=only)

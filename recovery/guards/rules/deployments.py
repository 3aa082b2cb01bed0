"""Deployments that undo themselves, and revisions and images that are there to go back to."""

import json
import re
from typing import Any, cast

from recovery.guards.finding import Problem, Unknown
from recovery.guards.naming import name_of
from recovery.guards.regions import regions
from recovery.guards.rule import Change, Says, number, rule, true
from recovery.guards.sources import CLOUDFORMATION, ECS
from recovery.guards.templates import Resource, dig, is_known
from recovery.guards.unresolved import Unresolved
from recovery.guards.values import listed

SERVICE, TASK, REPOSITORY = "AWS::ECS::Service", "AWS::ECS::TaskDefinition", "AWS::ECR::Repository"
ALL_HEALTHY_PERCENT = 100
_BREAKER = f"{ECS}deployment-circuit-breaker.html"
_LIFECYCLE = "https://docs.aws.amazon.com/AmazonECR/latest/userguide/LifecyclePolicies.html"
_COPIES = "https://docs.aws.amazon.com/AmazonECR/latest/userguide/replication.html"


@rule(
    SERVICE,
    fix="Set DeploymentCircuitBreaker to Enable: true and Rollback: true.",
    source=_BREAKER,
    bad=Change("primary.Service", "DeploymentConfiguration.DeploymentCircuitBreaker.Rollback", value=False),
)
def service_without_circuit_breaker(service: Resource) -> Says:
    """A service gives a deployment up that does not become healthy, and rolls it back.

    Without it ECS starts broken tasks over and over, until somebody who was woken stops it.
    """
    path = "DeploymentConfiguration.DeploymentCircuitBreaker"
    found = service.get(path)
    if isinstance(found, Unresolved):
        yield Unknown(path, found.reason)
    elif not (true(dig(found, "Enable")) and true(dig(found, "Rollback"))):
        yield Problem(path, found, "Enable and Rollback: true")


@rule(
    SERVICE,
    fix="Set Rollback of the deployment's alarms to true.",
    source=f"{ECS}deployment-alarm-failure.html",
    bad=Change("primary.Service", "DeploymentConfiguration.Alarms.Rollback", value=False),
)
def service_alarms_do_not_roll_back(service: Resource) -> Says:
    """The alarms that watch a deployment roll it back.

    A deployment that starts well and answers wrong is stopped by alarms only; without Rollback it stays where it
    failed.
    """
    alarms = service.get("DeploymentConfiguration.Alarms")
    if isinstance(alarms, dict) and not (true(dig(alarms, "Enable")) and true(dig(alarms, "Rollback"))):
        yield Problem("DeploymentConfiguration.Alarms", cast(Any, alarms), "Enable and Rollback: true")


@rule(
    SERVICE,
    fix=f"Set MinimumHealthyPercent to {ALL_HEALTHY_PERCENT}.",
    source=f"{ECS}deployment-type-ecs.html",
    bad=Change("primary.Service", "DeploymentConfiguration.MinimumHealthyPercent", 50),
)
def service_halves_itself(service: Resource) -> Says:
    """A deployment keeps all tasks that ran before it until the new ones are healthy.

    Below that ECS stops healthy tasks first: a bad deployment takes capacity away before anybody knows that it is bad.
    """
    path = "DeploymentConfiguration.MinimumHealthyPercent"
    percent = number(service.get(path))
    if percent is not None and percent < ALL_HEALTHY_PERCENT:
        yield Problem(path, f"{percent:g}", str(ALL_HEALTHY_PERCENT))


@rule(
    SERVICE,
    trap=11,
    fix="Leave DesiredCount out, and set the least count by autoscaling.",
    source=f"{CLOUDFORMATION}aws-resource-ecs-service.html",
    bad=Change("primary.Service", "DesiredCount", 0),
)
def service_count_in_template(service: Resource) -> Says:
    """A service that scales has no literal number of tasks in its template.

    The next deploy sets it back: after a failover to the number of a pilot light, and a 0 switches the application off.
    """
    count = number(service.get("DesiredCount"))
    if count is None:
        return
    scales = any(
        service.assembly.resource_of(str(target.get("ResourceId")).rpartition("/")[2]) is service
        or str(target.get("ResourceId")).endswith(f"/{service.get('ServiceName')}")
        for target in service.assembly.all("AWS::ApplicationAutoScaling::ScalableTarget")
        if target.region == service.region
    )
    if count == 0 or scales:
        yield Problem("DesiredCount", f"{count:g}", "no DesiredCount")


@rule(
    TASK,
    trap=10,
    fix="Set UpdateReplacePolicy to Retain.",
    source=f"{ECS}update-task-definition-console-v2.html",
    bad=Change("recovery.Task", "^UpdateReplacePolicy", None),
)
def rollback_target_deregistered(task: Resource) -> Says:
    """A task definition's old revisions stay registered.

    CloudFormation deregisters the revision that an update replaces, and a service cannot go back to one that is
    inactive.
    """
    found = task.attribute("UpdateReplacePolicy")
    if found not in ("Retain", "RetainExceptOnCreate"):
        yield Problem("UpdateReplacePolicy", found, "Retain")


def _images(task: Resource) -> list[tuple[str, Any]]:
    containers = listed(task.get("ContainerDefinitions"))
    return [(f"ContainerDefinitions.{index}.Image", dig(each, "Image")) for index, each in enumerate(containers)]


@rule(
    TASK,
    trap=10,
    fix="Name a digest, or a tag that is never given twice.",
    source=f"{ECS}task_definition_parameters.html",
    bad=Change(
        "primary.Task", "ContainerDefinitions.0.Image", "111122223333.dkr.ecr.ap-south-1.amazonaws.com/app:latest"
    ),
)
def image_tag_moves(task: Resource) -> Says:
    """A task definition names an image that never changes.

    With `latest` the old revision starts the new image: a rollback rolls nothing back.
    """
    for path, image in _images(task):
        if isinstance(image, Unresolved):
            yield Unknown(path, image.reason)
        elif isinstance(image, str) and "@sha256:" not in image:
            tag = image.rpartition("/")[2].partition(":")[2]
            if tag in ("", "latest"):
                yield Problem(path, image, "a digest, or the tag of a release")


@rule(
    TASK,
    trap=11,
    fix="Take the image from a repository of the task's own region, and have ECR copy it there.",
    source=_COPIES,
    bad=Change(
        "recovery.Task", "ContainerDefinitions.0.Image", "111122223333.dkr.ecr.ap-south-1.amazonaws.com/app:1.0.0"
    ),
)
def image_from_another_region(task: Resource) -> Says:
    """A task takes its image from its own region.

    Every start needs the image: when the other region does not answer no task starts, also none that only scales.
    """
    for path, image in _images(task):
        match = re.match(r"[^/]+\.dkr\.ecr\.([a-z0-9-]+)\.", str(image))
        if match and is_known(task.region) and match[1] != task.region:
            yield Problem(path, image, f"an image in {task.region}")


@rule(
    REPOSITORY,
    trap=10,
    fix="Let lifecycle rules expire untagged images only.",
    source=_LIFECYCLE,
    bad=Change(
        "recovery.Images",
        "LifecyclePolicy.LifecyclePolicyText",
        '{"rules": [{"rulePriority": 1, "selection": {"tagStatus": "any", "countType": "imageCountMoreThan", '
        '"countNumber": 5}, "action": {"type": "expire"}}]}',
    ),
)
def image_expires(repository: Resource) -> Says:
    """Images of releases do not expire.

    An old revision whose image is gone cannot start: the rollback ends where it should begin.
    """
    path = "LifecyclePolicy.LifecyclePolicyText"
    text = repository.get(path)
    if text is None:
        return
    try:
        rules: Any = json.loads(str(text)).get("rules", [])
    except (ValueError, AttributeError):
        yield Unknown(path, "it is no JSON")
        return
    for found in rules:
        status = dig(found, "selection.tagStatus")
        if status != "untagged":
            yield Problem(path, f"expires images that are {status}", "only untagged images expire")


@rule(
    REPOSITORY,
    trap=10,
    fix="Set ImageTagMutability to IMMUTABLE.",
    source="https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-tag-mutability.html",
    bad=Change("recovery.Images", "ImageTagMutability", "MUTABLE"),
)
def image_tags_can_be_overwritten(repository: Resource) -> Says:
    """A tag of an image cannot be given to another image.

    Otherwise a release can change under the revision that names it, and a rollback starts something nobody released.
    """
    found = repository.get("ImageTagMutability")
    if not isinstance(found, Unresolved) and not str(found).startswith("IMMUTABLE"):
        yield Problem("ImageTagMutability", found, "IMMUTABLE")


@rule(
    REPOSITORY,
    trap=11,
    fix="Add a ReplicationConfiguration whose filter takes the repository to the recovery region.",
    source=_COPIES,
    bad=Change("primary.ImageCopies", "ReplicationConfiguration.Rules.0.Destinations.0.Region", "eu-west-1"),
)
def images_stay_in_region(repository: Resource) -> Says:
    """Images are copied to where the data goes.

    The database is restored over there and no task can be started on it.
    """
    reached: set[str] = set()
    name = str(repository.get("RepositoryName") or name_of(repository))
    for configuration in repository.assembly.all("AWS::ECR::ReplicationConfiguration"):
        if configuration.region != repository.region or configuration.stack.account != repository.stack.account:
            continue
        for found in listed(configuration.get("ReplicationConfiguration.Rules")):
            filters = [dig(each, "Filter") for each in listed(dig(found, "RepositoryFilters"))]
            if not filters or any(name.startswith(str(prefix)) for prefix in filters):
                reached |= {str(dig(each, "Region")) for each in listed(dig(found, "Destinations"))}
    for region in sorted(regions(repository.assembly).targets_of(repository.stack) - reached):
        yield Problem("RepositoryName", f"copied to {', '.join(sorted(reached)) or 'nowhere'}", f"a copy in {region}")

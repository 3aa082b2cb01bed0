"""Service deployments of Amazon ECS in the lab: the history of a service, and the end of a deployment.

The emulator keeps services and task definitions, and answers every question about service deployments with an empty
list. No container runs in the lab, so nothing here decides by itself whether a deployment works: the button
``next-deployments`` says how those that start from then on end. The history is read off the service's own record, which
has every deployment that a template or a caller started.
"""

import threading
import time
from dataclasses import dataclass, field
from typing import Any, Literal

from lab.emulator import hooks

Ending = Literal["succeeds", "fails", "hangs"]
ENDINGS: tuple[Ending, ...] = ("succeeds", "fails", "hangs")
# Long enough for a caller to see it under way.
DEPLOYMENT_SECONDS = 0.3

RUNNING = {"PENDING", "IN_PROGRESS", "ROLLBACK_REQUESTED", "ROLLBACK_IN_PROGRESS"}


@dataclass
class _Deployment:
    """One service deployment. ``source`` is the newest one that had completed before it."""

    arn: str
    revision: str
    task_definition: str
    ending: Ending
    created_at: float
    moved_at: float
    source: "_Deployment | None"
    status: str = "IN_PROGRESS"
    rolled_back_to: "_Deployment | None" = None
    finished_at: float | None = None

    def brief(self) -> dict[str, Any]:
        """The deployment as ListServiceDeployments shows it."""
        shown = {
            "serviceDeploymentArn": self.arn,
            "targetServiceRevisionArn": self.revision,
            "status": self.status,
            "createdAt": self.created_at,
            "startedAt": self.created_at,
        }
        return shown | ({} if self.finished_at is None else {"finishedAt": self.finished_at})

    def whole(self) -> dict[str, Any]:
        """The deployment as DescribeServiceDeployments shows it."""
        shown = self.brief()
        shown["targetServiceRevision"] = {"arn": shown.pop("targetServiceRevisionArn")}
        shown["sourceServiceRevisions"] = [] if self.source is None else [{"arn": self.source.revision}]
        if self.rolled_back_to is not None:
            shown["rollback"] = {"reason": "the lab", "serviceRevisionArn": self.rolled_back_to.revision}
        return shown


@dataclass
class ServiceDeployments:
    """Answers for the ECS actions that the emulator only has as stubs."""

    _history: dict[str, list[_Deployment]] = field(default_factory=dict[str, list[_Deployment]])
    _seen: set[str] = field(default_factory=set[str])
    _ending: Ending = "succeeds"
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def install(self) -> None:
        """Take over the API actions."""
        for action, answer in (
            ("ListServiceDeployments", self._list),
            ("DescribeServiceDeployments", self._describe),
            ("DescribeServiceRevisions", self._describe_revisions),
            ("StopServiceDeployment", self._stop),
        ):
            hooks.handle_ecs_action(action, answer)
        hooks.before_ecs_action("DescribeServices", self._here)

    def decide(self, ending: str) -> str:
        """How the deployments that start from now on end. Raises KeyError for what is no ending."""
        known: dict[str, Ending] = {name: name for name in ENDINGS}
        self._here()
        self._ending = known[ending]
        return ending

    # The API. Each answer looks at the services first: a template may have updated one meanwhile.

    def _list(self, request: dict[str, Any]) -> hooks.Response:
        wanted = f"/{request.get('cluster', 'default').rpartition('/')[2]}/{request['service'].rpartition('/')[2]}/"
        found = [each for each in self._here() if wanted in each.arn]
        states = set(request.get("status") or [])
        shown = [each.brief() for each in reversed(found) if not states or each.status in states]
        # AWS's pages hold at most 100, and 20 unless asked: whoever reads only the first page misses the rest here too.
        start, size = int(request.get("nextToken") or 0), int(request.get("maxResults") or 20)
        more = {"nextToken": str(start + size)} if len(shown) > start + size else {}
        return hooks.json_answer({"serviceDeployments": shown[start : start + size]} | more)

    def _describe(self, request: dict[str, Any]) -> hooks.Response:
        wanted = request["serviceDeploymentArns"]
        found = [each for each in self._here() if each.arn in wanted]
        return hooks.json_answer({"serviceDeployments": [each.whole() for each in found], "failures": []})

    def _describe_revisions(self, request: dict[str, Any]) -> hooks.Response:
        wanted = request["serviceRevisionArns"]
        if len(wanted) > 20:
            return hooks.json_error("InvalidParameterException", f"expected at most 20 revisions, found {len(wanted)}")
        revisions = [
            {"serviceRevisionArn": each.revision, "taskDefinition": each.task_definition, "createdAt": each.created_at}
            for each in self._here()
            if each.revision in wanted
        ]
        return hooks.json_answer({"serviceRevisions": revisions, "failures": []})

    def _stop(self, request: dict[str, Any]) -> hooks.Response:
        arn = request["serviceDeploymentArn"]
        found = [each for each in self._here() if each.arn == arn]
        if not found:
            return hooks.json_error("ServiceDeploymentNotFoundException", f"no service deployment {arn}")
        [deployment] = found
        if deployment.status not in RUNNING:
            return hooks.json_error("ConflictException", f"the service deployment is {deployment.status}")
        if request.get("stopType") != "ROLLBACK":
            return hooks.json_error("InvalidParameterException", "the only valid stopType is ROLLBACK")
        if deployment.source is None:
            return hooks.json_error("ClientException", "there is no earlier service revision to roll back to")
        if deployment.status == "IN_PROGRESS":
            self._move(deployment, "ROLLBACK_REQUESTED")
        return hooks.json_answer({"serviceDeploymentArn": arn})

    # What happens meanwhile.

    def _here(self) -> list[_Deployment]:
        """The deployments of the current region's services, oldest first, as they are now."""
        with self._lock:
            found: list[_Deployment] = []
            for service in hooks.ecs_services():
                history = self._history.setdefault(service["serviceArn"], [])
                self._take_in(service, history)
                for deployment in history:
                    self._advance(service, deployment)
                found += history
            return found

    def _take_in(self, service: dict[str, Any], history: list[_Deployment]) -> None:
        """Add the deployments that somebody started; a newer one ends the one before."""
        for started in reversed(service["deployments"]):
            if started["id"] in self._seen:
                continue
            self._seen.add(started["id"])
            for earlier in history:
                if earlier.status in RUNNING:
                    self._advance(service, earlier)
                if earlier.status in RUNNING:
                    self._move(earlier, "STOPPED")
            now, tail = time.time(), f"{service['serviceArn'].partition(':service/')[2]}/{started['id'][-20:]}"
            prefix = service["serviceArn"].partition(":service/")[0]
            source = next((each for each in reversed(history) if each.status == "SUCCESSFUL"), None)
            history.append(
                _Deployment(
                    arn=f"{prefix}:service-deployment/{tail}",
                    revision=f"{prefix}:service-revision/{tail}",
                    task_definition=started["taskDefinition"],
                    ending=self._ending,
                    created_at=now,
                    moved_at=now,
                    source=source,
                )
            )

    def _advance(self, service: dict[str, Any], deployment: _Deployment) -> None:
        if time.time() - deployment.moved_at < DEPLOYMENT_SECONDS:
            return
        if deployment.status == "IN_PROGRESS" and deployment.ending == "succeeds":
            self._move(deployment, "SUCCESSFUL")
        elif deployment.status == "IN_PROGRESS" and deployment.ending == "fails":
            self._move(deployment, "ROLLBACK_IN_PROGRESS" if deployment.source else "STOPPED")
        elif deployment.status == "ROLLBACK_REQUESTED":
            self._move(deployment, "ROLLBACK_IN_PROGRESS")
        elif deployment.status == "ROLLBACK_IN_PROGRESS" and deployment.source is not None:
            deployment.rolled_back_to = deployment.source
            service["taskDefinition"] = deployment.source.task_definition
            self._move(deployment, "ROLLBACK_SUCCESSFUL")

    def _move(self, deployment: _Deployment, status: str) -> None:
        deployment.status, deployment.moved_at = status, time.time()
        if status not in RUNNING:
            deployment.finished_at = deployment.moved_at

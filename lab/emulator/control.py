"""The lab's own buttons, under ``/_lab/``, in front of the emulator: run a plan now, lose a region.

No such path exists on AWS, and no deployed code uses one.
"""

import asyncio
import json
from collections.abc import Callable
from functools import partial
from typing import Any

from lab.emulator import hooks
from lab.emulator.asgi import Application, Receive, Scope, Send, Signature, read_body, respond, signed_for
from lab.emulator.backup_api import BackupApi
from lab.emulator.backups import RefusedError
from lab.emulator.faults import Faults
from lab.emulator.instances import Instances
from lab.emulator.recorded import Recorder
from lab.emulator.replication import Replication
from lab.emulator.service_deployments import ServiceDeployments

_JSON = {"content-type": "application/json"}


class Control:
    """ASGI middleware: answers ``/_lab/`` itself, fails what is signed for a region that is down, passes the rest."""

    def __init__(
        self,
        account: str,
        instances: Instances,
        backup_api: BackupApi,
        recorder: Recorder,
        faults: Faults,
        service_deployments: ServiceDeployments,
        replication: Replication,
    ) -> None:
        self._account = account
        self._instances = instances
        self._backups = backup_api
        self._recorder = recorder
        self._faults = faults
        self._service_deployments = service_deployments
        self._replication = replication
        self._down: set[str] = set()
        self._silent: set[str] = set()

    def wrap(self, application: Application) -> Application:
        """The application with this control in front."""

        async def front(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http":
                await application(scope, receive, send)
            elif scope["path"].startswith("/_lab/"):
                body = json.loads(await read_body(receive) or b"{}")
                status, value = await asyncio.to_thread(self._handle, scope["method"], scope["path"], body)
                await respond(send, status, _json(value), _JSON)
            elif self._unreachable(signed_for(scope)):
                await respond(send, 503, b"", _JSON)
            else:
                await application(scope, receive, send)

        return front

    def _unreachable(self, signature: Signature) -> bool:
        """A silent region lives on and reaches others, but nobody comes in: we call nothing but its functions."""
        return signature.region in self._down or (signature.region in self._silent and signature.service == "lambda")

    def _handle(self, method: str, path: str, body: dict[str, Any]) -> tuple[int, Any]:
        action = path.removeprefix("/_lab/")
        try:
            if method == "GET":
                return 200, self._listings()[action]()
            with hooks.responses_scope(self._account, str(body["region"])):
                return 200, self._press(action, body)
        except RefusedError as refusal:
            return refusal.status, {"message": str(refusal)}
        except KeyError as missing:
            return 404, {"message": f"nothing known of {missing} at {path}"}

    def _listings(self) -> dict[str, Callable[[], Any]]:
        return {
            "instances": self._instances.listing,
            "recorded": self._recorder.listing,
            "faults": self._faults.listing,
            "promotions": lambda: self._replication.promotions,
        }

    def _press(self, action: str, body: dict[str, Any]) -> Any:  # noqa: ANN401 - JSON
        return self._buttons[action](body)

    @property
    def _buttons(self) -> dict[str, Callable[[dict[str, Any]], Any]]:
        return {
            **{name: partial(self._reach, name) for name in ("lose-region", "silence-region", "hear-region")},
            "run-backup-plan": lambda body: self._backups.run_plan(body["plan_id"], body["rule"]),
            "run-copies": lambda body: self._backups.run_copies(body["plan_id"], body["rule"], body["backup_job_id"]),
            "run-restore-test": lambda body: self._backups.run_restore_test(body["plan"]),
            "send-event": lambda body: hooks.emit_event(
                body.get("source", "aws.backup"),
                body.get("detail_type", "Restore Job State Change"),
                body["detail"],
                body.get("resources", []),
            ),
            "forget-metrics": lambda _: hooks.forget_metrics(),
            "inject-faults": lambda body: self._faults.inject(body["faults"]),
            "next-deployments": lambda body: self._service_deployments.decide(body["ending"]),
            "change-recovery-point": lambda body: self._backups.backups.change_point(
                body["arn"], body["status"], body["message"]
            ),
        }

    def _reach(self, action: str, body: dict[str, Any]) -> list[str]:
        """Destroy a region, let only its APIs fall silent, or let them answer again; returns what was destroyed."""
        region = body["region"]
        if action == "lose-region":
            self._down.add(region)
            return self._instances.destroy_region(region)
        if action == "silence-region":
            self._silent.add(region)
        else:
            self._silent.discard(region)
        return []


def _json(value: Any) -> bytes:  # noqa: ANN401 - JSON
    return json.dumps(value, default=str).encode()

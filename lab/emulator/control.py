"""The lab's own buttons, under ``/_lab/``, in front of the emulator: run a plan now, lose a region.

No such path exists on AWS, and no deployed code uses one.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

from lab.emulator import hooks
from lab.emulator.backup_api import BackupApi
from lab.emulator.backups import RefusedError
from lab.emulator.instances import Instances
from lab.emulator.recorded import Recorder

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]


class Control:
    """ASGI middleware: answers ``/_lab/`` itself, fails what is signed for a region that is down, passes the rest."""

    def __init__(self, account: str, instances: Instances, backup_api: BackupApi, recorder: Recorder) -> None:
        self._account = account
        self._instances = instances
        self._backups = backup_api
        self._recorder = recorder
        self._down: set[str] = set()

    def wrap(self, application: Application) -> Application:
        """The application with this control in front."""

        async def front(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http":
                await application(scope, receive, send)
            elif scope["path"].startswith("/_lab/"):
                body = json.loads(await _body(receive) or b"{}")
                status, value = await asyncio.to_thread(self._handle, scope["method"], scope["path"], body)
                await _respond(send, status, value)
            elif _signed_region(scope) in self._down:
                await _respond(send, 503, None)
            else:
                await application(scope, receive, send)

        return front

    def _handle(self, method: str, path: str, body: dict[str, Any]) -> tuple[int, Any]:
        action = path.removeprefix("/_lab/")
        try:
            if method == "GET":
                return 200, {"instances": self._instances.listing, "recorded": self._recorder.listing}[action]()
            with hooks.responses_scope(self._account, str(body["region"])):
                return 200, self._press(action, body)
        except RefusedError as refusal:
            return refusal.status, {"message": str(refusal)}
        except KeyError as missing:
            return 404, {"message": f"nothing known of {missing} at {path}"}

    def _press(self, action: str, body: dict[str, Any]) -> Any:  # noqa: ANN401 - JSON
        if action == "lose-region":
            self._down.add(body["region"])
            return self._instances.destroy_region(body["region"])
        if action == "run-backup-plan":
            return self._backups.run_plan(body["plan_id"], body["rule"])
        if action == "run-copies":
            return self._backups.run_copies(body["plan_id"], body["rule"], body["backup_job_id"])
        if action == "run-restore-test":
            return self._backups.run_restore_test(body["plan"])
        if action == "change-recovery-point":
            return self._backups.backups.change_point(body["arn"], body["status"], body["message"])
        raise KeyError(action)


def _signed_region(scope: Scope) -> str:
    """The region in the credential scope of a signed request, "" without one."""
    for name, value in scope["headers"]:
        if name == b"authorization" and b"Credential=" in value:
            return value.decode().split("Credential=", 1)[1].split("/")[2]
    return ""


async def _body(receive: Receive) -> bytes:
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return body


async def _respond(send: Send, status: int, value: Any) -> None:  # noqa: ANN401 - JSON
    content = b"" if value is None else json.dumps(value, default=str).encode()
    headers = [(b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": content})

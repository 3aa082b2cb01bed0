"""Faults on request: the next calls of an operation fail, are throttled, or are carried out and their answer lost.

Operations are AWS API calls of the deployed functions (``s3:GetObject``), and what a state machine calls itself:
functions (``lambda:Describe``, a part of the function's name) and APIs (``states:putRestoreValidationResult``).
"""

import re
import threading
from dataclasses import dataclass, field
from typing import Any, Literal

from lab.emulator import hooks
from lab.emulator.asgi import Application, Receive, Scope, Send, read_body, respond, signed_for

Kind = Literal["error", "throttled", "unanswered"]

# Method and the pattern of path, query and body, by operation: as far as the verification's functions call.
_OPERATIONS = {
    "backup:DescribeRestoreJob": ("GET", r"/restore-jobs/[^/?]+$"),
    "backup:DescribeRecoveryPoint": ("GET", r"/backup-vaults/[^/]+/recovery-points/.+"),
    "backup:PutRestoreValidationResult": ("PUT", r"/restore-jobs/[^/]+/validations"),
    "rds:DescribeDBInstances": ("POST", r".*\bAction=DescribeDBInstances\b.*"),
    "s3:ListObjectsV2": ("GET", r"/[^/?]+\?.*list-type=2.*"),
    "s3:GetObject": ("GET", r"/[^/?]+/[^?]+$"),
    "s3:PutObject": ("PUT", r"/[^/?]+/[^?]+$"),
}
# How the services tell of it: status, code, and whether in XML.
_ANSWERS: dict[tuple[str, Kind], tuple[int, str]] = {
    ("backup", "error"): (500, "ServiceUnavailableException"),
    ("backup", "throttled"): (400, "ThrottlingException"),
    ("rds", "error"): (500, "InternalFailure"),
    ("rds", "throttled"): (400, "Throttling"),
    ("s3", "error"): (500, "InternalError"),
    ("s3", "throttled"): (503, "SlowDown"),
}
# What Step Functions calls the same of a Lambda function, and of a call of its own.
_LAMBDA_ERRORS: dict[Kind, str] = {
    "error": "Lambda.ServiceException",
    "throttled": "Lambda.TooManyRequestsException",
    "unanswered": "States.Timeout",
}
_SDK_ERRORS: dict[Kind, str] = {
    "error": "Backup.ServiceUnavailableException",
    "throttled": "Backup.ThrottlingException",
    "unanswered": "States.Timeout",
}


@dataclass
class Fault:
    """The next ``times`` calls of ``operation`` whose path or input holds ``about`` go wrong."""

    operation: str
    kind: Kind
    times: int = 1
    about: str = ""


@dataclass
class Faults:
    """The faults that are still to come. Those of one operation come in the order they were asked for."""

    _pending: list[Fault] = field(default_factory=list[Fault])
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def inject(self, faults: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Replace what is still to come. Raises KeyError for an operation that is not known."""
        made = [Fault(**fault) for fault in faults]
        for fault in made:
            if not fault.operation.startswith(("lambda:", "states:")):
                _ = _OPERATIONS[fault.operation]
        with self._lock:
            self._pending = made
        return self.listing()

    def listing(self) -> list[dict[str, Any]]:
        """The faults that have not come yet."""
        with self._lock:
            return [vars(fault) for fault in self._pending if fault.times > 0]

    def install(self) -> None:
        """Stand between the state machines and what they call, and between the functions and the API."""
        hooks.handle_task_calls(self._call)
        hooks.wrap_application(self._wrap)

    def _take(self, operation: str, subject: str) -> Kind | None:
        with self._lock:
            for fault in self._pending:
                if fault.operation == operation and fault.times > 0 and fault.about in subject:
                    fault.times -= 1
                    return fault.kind
        return None

    def _call(self, resource: str, argument: Any, proceed: hooks.TaskCall) -> Any:  # noqa: ANN401 - JSON
        """One call of a state machine: what it is for, what it says, and what would really do it."""
        sdk = re.search(r":aws-sdk:backup:(\w+)$", resource)
        names = [f"states:{sdk[1]}"] if sdk else [name for name in self._functions() if name[7:] in resource]
        for name in names:
            kind = self._take(name, str(argument))
            if kind is not None:
                if kind == "unanswered":
                    proceed(resource, argument)
                errors = _SDK_ERRORS if sdk else _LAMBDA_ERRORS
                raise hooks.task_error(errors[kind], f"the lab lets {name} go wrong")
        return proceed(resource, argument)

    def _functions(self) -> list[str]:
        return [fault["operation"] for fault in self.listing() if fault["operation"].startswith("lambda:")]

    def _wrap(self, application: Application) -> Application:
        async def front(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http" or not self.listing():
                await application(scope, receive, send)
                return
            body = await read_body(receive)
            service = signed_for(scope).service
            kind = self._take_request(service, scope, body)
            if kind is None or kind == "unanswered":
                out = send if kind is None else _Lost(send)
                await application(scope, _replayed(body), out)
            else:
                status, code = _ANSWERS[service, kind]
                await respond(send, status, *_error(service, code))

        return front

    def _take_request(self, service: str, scope: Scope, body: bytes) -> Kind | None:
        query = scope["query_string"].decode()
        text = body.decode(errors="replace") if service == "rds" else ""
        subject = f"{scope['path']}{'?' if query else ''}{query}{text}"
        for operation, (method, pattern) in _OPERATIONS.items():
            if (
                operation.startswith(f"{service}:")
                and scope["method"] == method
                and re.fullmatch(pattern, subject) is not None
            ):
                return self._take(operation, subject)
        return None


class _Lost:
    """Takes an answer in place of the client, who finds the connection broken in the middle of it."""

    def __init__(self, send: Send) -> None:
        self._send = send

    async def __call__(self, message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            # More is promised than ever comes, so the server has to break the connection.
            promise = [(b"content-length", b"1000000")]
            await self._send({"type": "http.response.start", "status": message["status"], "headers": promise})


def _replayed(body: bytes) -> Receive:
    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    return receive


def _error(service: str, code: str) -> tuple[bytes, dict[str, str]]:
    if service == "backup":
        return b'{"Message": "the lab says so"}', {"content-type": "application/json", "x-amzn-errortype": code}
    error = f"<Error><Code>{code}</Code><Message>the lab says so</Message></Error>"
    text = error if service == "s3" else f"<ErrorResponse>{error}<RequestId>lab</RequestId></ErrorResponse>"
    return text.encode(), {"content-type": "text/xml"}

"""Every use of ministack's private names, in one place: they hold for exactly the pinned version.

The modules carry no types, so they are ``Any`` here and nowhere else.
"""

import json
import threading
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any, cast

Properties = dict[str, Any]
Response = tuple[int, dict[str, str], bytes]
Create = Callable[[str, Properties, str], tuple[str, dict[str, Any]]]
Delete = Callable[[str, Properties], None]

_app: Any = import_module("ministack.app")
_provisioners: Any = import_module("ministack.services.cloudformation.provisioners")
_stacks: Any = import_module("ministack.services.cloudformation.stacks")
_responses: Any = import_module("ministack.core.responses")
_eventbridge: Any = import_module("ministack.services.eventbridge")
rds: Any = import_module("ministack.services.rds")
backup: Any = import_module("ministack.services.backup")


def region() -> str:
    """Region of the request or stack operation being served."""
    return str(_responses.get_region())


def account() -> str:
    """Account of the request or stack operation being served."""
    return str(_responses.get_account_id())


def in_background(work: Callable[[], None], *, name: str) -> None:
    """Run ``work`` in a thread that sees the same account and region as the caller."""
    scope = (account(), region())

    def run() -> None:
        with _responses.request_scope(*scope):
            work()

    threading.Thread(target=run, name=name, daemon=True).start()


def in_region(name: str) -> Any:  # noqa: ANN401 - a context manager of an untyped library
    """A context in which :func:`region` is ``name``."""
    return _responses.request_scope(account(), name)


def responses_scope(account_id: str, region_name: str) -> Any:  # noqa: ANN401 - a context manager of an untyped library
    """A context in which :func:`account` and :func:`region` are these."""
    return _responses.request_scope(account_id, region_name)


def emit_event(source: str, detail_type: str, detail: Mapping[str, Any], resources: list[str]) -> None:
    """Put an event of AWS's own on the default bus of the current region."""
    entry = {"Source": source, "DetailType": detail_type, "Detail": json.dumps(detail), "Resources": resources}
    _eventbridge._put_events({"Entries": [entry]}, allow_aws_source=True)


def handlers_of(resource_type: str) -> dict[str, Any]:
    """The create, update and delete functions that the emulator has for a CloudFormation type."""
    return dict(_provisioners._RESOURCE_HANDLERS[resource_type])


def handle_type(resource_type: str, handlers: Mapping[str, Any]) -> None:
    """Add or replace the functions for a CloudFormation type."""
    _provisioners._RESOURCE_HANDLERS[resource_type] = dict(handlers)


def handle_on_worker_threads(resource_types: set[str]) -> None:
    """Provision these types off the event loop: they take a second, and the server must go on answering."""
    original = _stacks._runs_on_worker_thread

    def runs_on_worker_thread(name: str) -> bool:
        return name in resource_types or bool(original(name))

    _stacks._runs_on_worker_thread = runs_on_worker_thread


def handle_rds_action(action: str, handler: Callable[[Properties], Response]) -> None:
    """Answer an RDS API action. ``handler`` gets the query parameters, each a list of values."""
    rds._ACTION_MAP[action] = handler


def handle_backup_requests(handler: Callable[[str, list[str], Properties, Properties], Response | None]) -> None:
    """Let ``handler(method, path parts, query, body)`` answer AWS Backup's API; None leaves it to the emulator."""
    original = backup.handle_request

    async def handle(
        method: str,
        path: str,
        headers: dict[str, str],
        body: bytes,
        query: Properties,
    ) -> Response:
        flat: Properties = {name: _first(value) for name, value in query.items()}
        answer = handler(method, path.strip("/").split("/"), flat, json.loads(body) if body else {})
        return answer or await original(method, path, headers, body, query)

    backup.handle_request = handle


def _first(value: Any) -> Any:  # noqa: ANN401 - a query parameter, alone or in a list
    return cast(list[Any], value)[0] if isinstance(value, list) else value


def wrap_application(wrapper: Callable[[Any], Any]) -> None:
    """Put an ASGI middleware in front of the emulator."""
    _app.app = wrapper(_app.app)


def serve() -> None:
    """Serve until the process is ended. Port and address come from GATEWAY_PORT and BIND_HOST."""
    _app.main()


def parameter(parameters: Properties, name: str) -> str:
    """One query parameter of an RDS request, "" when it is absent."""
    return str(rds._p(parameters, name))

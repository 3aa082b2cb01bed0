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
TaskCall = Callable[[str, Any], Any]

_app: Any = import_module("ministack.app")
_provisioners: Any = import_module("ministack.services.cloudformation.provisioners")
_stacks: Any = import_module("ministack.services.cloudformation.stacks")
_responses: Any = import_module("ministack.core.responses")
_stepfunctions: Any = import_module("ministack.services.stepfunctions")
_lambda_runtime: Any = import_module("ministack.core.lambda_runtime")
_eventbridge: Any = import_module("ministack.services.eventbridge")
_s3: Any = import_module("ministack.services.s3")
_cloudwatch: Any = import_module("ministack.services.cloudwatch")
_lambda: Any = import_module("ministack.services.lambda_svc")
rds: Any = import_module("ministack.services.rds")
backup: Any = import_module("ministack.services.backup")
_ecs: Any = import_module("ministack.services.ecs")


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


def handle_ecs_action(action: str, handler: Callable[[Properties], Response]) -> None:
    """Answer an ECS API action. ``handler`` gets the request."""
    _ecs._ACTION_MAP[action] = handler


def before_ecs_action(action: str, work: Callable[[], object]) -> None:
    """Do ``work`` before the emulator answers an ECS API action."""
    original = _ecs._ACTION_MAP[action]

    def handle(request: Properties) -> Response:
        work()
        return original(request)

    _ecs._ACTION_MAP[action] = handle


def ecs_services() -> list[dict[str, Any]]:
    """The emulator's own records of the current region's ECS services."""
    return list(_ecs._services.values())


def json_answer(value: Properties) -> Response:
    """An answer of a JSON API."""
    return _responses.json_response(value)


def json_error(code: str, message: str) -> Response:
    """A refusal of a JSON API."""
    return _responses.error_response_json(code, message, 400)


def rds_action(action: str) -> Callable[[Properties], Response]:
    """How the emulator itself answers an RDS API action."""
    return rds._ACTION_MAP[action]


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


def handle_task_calls(handler: Callable[[str, Any, TaskCall], Any]) -> None:
    """Let ``handler(resource, argument, proceed)`` make the calls of every state machine's tasks."""
    proceed: TaskCall = _stepfunctions._invoke_resource

    def call(resource: str, argument: Any) -> Any:  # noqa: ANN401 - JSON
        return handler(resource, argument, proceed)

    _stepfunctions._invoke_resource = call


def name_function_errors() -> None:
    """Let state machines see a function's error by the name of its Python class, as Lambda tells it."""
    bare, named = '"error": str(e), "trace"', '"error": type(e).__name__ + ": " + str(e), "trace"'
    script: str = _lambda_runtime._PYTHON_WORKER_SCRIPT
    if bare not in script:
        raise RuntimeError("expected the emulator's worker to report errors as 1.5.33 does, found another: pin it")
    _lambda_runtime._PYTHON_WORKER_SCRIPT = script.replace(bare, named)
    invoke = _stepfunctions._call_lambda

    def call(function: str, event: Any) -> Any:  # noqa: ANN401 - JSON
        try:
            return invoke(function, event)
        except _stepfunctions._ExecutionError as error:
            if error.error != "Runtime.HandlerError":
                raise
            name, _, message = str(json.loads(error.cause)["errorMessage"]).partition(": ")
            if not name.isidentifier():
                raise
            raise task_error(name, json.dumps({"errorType": name, "errorMessage": message})) from error

    _stepfunctions._call_lambda = call


def name_versions_in_s3_events() -> None:
    """Let S3's events on EventBridge name the version they are about, as AWS's do.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html
    """
    being_told = threading.local()
    fire, dispatch = _s3._fire_s3_event, _eventbridge._dispatch_event

    def fire_with_version(*arguments: object, version_id: str | None = None, **named: object) -> None:
        being_told.version = version_id
        try:
            fire(*arguments, version_id=version_id, **named)
        finally:
            being_told.version = None

    def dispatch_with_version(event: Properties, *arguments: object) -> object:
        version = getattr(being_told, "version", None)
        if version and event.get("Source") == "aws.s3":
            detail = json.loads(event["Detail"])
            detail["object"]["version-id"] = version
            event = event | {"Detail": json.dumps(detail)}
        return dispatch(event, *arguments)

    _s3._fire_s3_event = fire_with_version
    _eventbridge._dispatch_event = dispatch_with_version


def after_function_output(listener: Callable[[str], None]) -> None:
    """Let ``listener`` read what each invocation of a function printed, in the function's account and region."""
    emit = _lambda._emit_lambda_logs

    def emit_and_tell(function: Any, request_id: str, output: str, *rest: object, **named: object) -> None:  # noqa: ANN401
        emit(function, request_id, output, *rest, **named)
        listener(output)

    _lambda._emit_lambda_logs = emit_and_tell


def record_metric(namespace: str, name: str, value: float, dimensions: Mapping[str, str]) -> None:
    """Add a value to a metric of the current account and region."""
    _cloudwatch.record_metric(namespace, name, value, "None", dict(dimensions))


def forget_metrics() -> None:
    """Drop every value of the current account and region, as CloudWatch's periods do when they pass."""
    for series in list(_cloudwatch._metrics):
        del _cloudwatch._metrics[series]


def evaluate_alarms_on(namespace: str, name: str) -> None:
    """Look at the alarms of the current account and region that stand on a metric."""
    for alarm in list(_cloudwatch._alarms.values()):
        if (alarm.get("Namespace"), alarm.get("MetricName")) == (namespace, name):
            _cloudwatch._evaluate_alarm(alarm)


def put_composite_alarm(alarm: Properties) -> None:
    """Make or change a composite alarm in the current region. Raises ValueError with the emulator's refusal."""
    status, _, body = _cloudwatch._put_composite_alarm({}, alarm, False, True)
    if status >= 400:
        raise ValueError(body.decode())


def delete_composite_alarm(name: str) -> None:
    """Remove a composite alarm of the current region."""
    _cloudwatch._composite_alarms.pop(name, None)


def task_error(name: str, cause: str) -> Exception:
    """What a task's call raises, for the state's Retry and Catch to see."""
    return _stepfunctions._ExecutionError(name, cause)


def wrap_application(wrapper: Callable[[Any], Any]) -> None:
    """Put an ASGI middleware in front of the emulator."""
    _app.app = wrapper(_app.app)


def serve() -> None:
    """Serve until the process is ended. Port and address come from GATEWAY_PORT and BIND_HOST."""
    _app.main()


def parameter(parameters: Properties, name: str) -> str:
    """One query parameter of an RDS request, "" when it is absent."""
    return str(rds._p(parameters, name))

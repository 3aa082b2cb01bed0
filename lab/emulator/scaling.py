"""Application Auto Scaling, as far as a failover asks: the bounds of the service's tasks.

AWS moves a service's desired count into new bounds by itself; a failover sets it besides, so the lab leaves that out.
"""

import json

from lab.emulator import hooks
from lab.emulator.asgi import Application, Receive, Scope, Send, read_body, respond, signed_for

_JSON = {"content-type": "application/x-amz-json-1.1"}


class Scaling:
    """Takes the bounds and remembers them."""

    def __init__(self) -> None:
        self.bounds: dict[tuple[str, str], tuple[int, int]] = {}

    def install(self) -> None:
        """Answer for the service, which the emulator does not know."""
        hooks.wrap_application(self._wrap)

    def _wrap(self, application: Application) -> Application:
        async def front(scope: Scope, receive: Receive, send: Send) -> None:
            signature = signed_for(scope) if scope["type"] == "http" else None
            if signature is None or signature.service != "application-autoscaling":
                await application(scope, receive, send)
                return
            target = dict(scope["headers"]).get(b"x-amz-target", b"").decode()
            if not target.endswith(".RegisterScalableTarget"):
                body = json.dumps({"__type": "ValidationException", "Message": f"the lab does not know {target}"})
                await respond(send, 400, body.encode(), _JSON)
                return
            asked = json.loads(await read_body(receive))
            self.bounds[signature.region, asked["ResourceId"]] = (asked["MinCapacity"], asked["MaxCapacity"])
            await respond(send, 200, b"{}", _JSON)

        return front

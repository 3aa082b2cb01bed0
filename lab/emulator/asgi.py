"""What the lab's middlewares in front of the emulator have in common."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]


@dataclass(frozen=True)
class Signature:
    """For which region and service a request is signed; "" without a signature."""

    region: str = ""
    service: str = ""


def signed_for(scope: Scope) -> Signature:
    """The credential scope of a request."""
    for name, value in scope["headers"]:
        if name == b"authorization" and b"Credential=" in value:
            _, _, region, service, *_ = value.decode().split("Credential=", 1)[1].split("/")
            return Signature(region, service)
    return Signature()


async def read_body(receive: Receive) -> bytes:
    """The whole body of a request."""
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return body


async def respond(send: Send, status: int, content: bytes, headers: Mapping[str, str]) -> None:
    """Answer a request."""
    encoded = [(name.encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": encoded})
    await send({"type": "http.response.body", "body": content})

"""What a cloud of the tests' own knows: who is signed in, what is stored, what is to fail, and what it was asked."""

import re
import secrets
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

CLIENT_ID = "device-client"


@dataclass
class Failure:
    """One answer in place of the right one, for a request whose method and path match.

    ``cut`` sends the right answer, and breaks the connection after so many bytes of its body; with ``lost`` the work is
    done and no answer comes at all.
    """

    request: str
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict[str, str])
    body: str = ""
    cut: int | None = None
    lost: bool = False


@dataclass
class Stored:
    """A version in the storage."""

    subject: str
    device: str
    version: str
    kind: str
    content: bytes
    created_at: datetime
    verified: bool | None = None


@dataclass
class CloudDouble:
    """What the server knows, for tests to look at and to change.

    ``deviations`` is what the API's document does not allow of what was asked and answered; of answers that a test made
    up nothing is held against it.
    """

    origin: str
    subject: str = "asha"
    token_seconds: int = 3600
    rotates: bool = True
    quota_bytes: int = 1_000_000_000
    delete_at_most: int = 1000
    page_size: int = 1000
    stored: list[Stored] = field(default_factory=list[Stored])
    failures: list[Failure] = field(default_factory=list[Failure])
    requests: list[str] = field(default_factory=list[str])
    deviations: list[str] = field(default_factory=list[str])
    asked: list[dict[str, str]] = field(default_factory=list[dict[str, str]])
    codes: dict[str, dict[str, str]] = field(default_factory=dict[str, dict[str, str]])
    access_tokens: dict[str, float] = field(default_factory=dict[str, float])
    refresh_tokens: set[str] = field(default_factory=set[str])
    links: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])

    def fail(self, request: str, status: int = 0, *, times: int = 1, **how: Any) -> None:
        """Answer the next requests that match the pattern ``METHOD /path`` in another way."""
        self.failures += [Failure(request, status, **how) for _ in range(times)]

    def failure_of(self, request: str) -> Failure | None:
        for failure in self.failures:
            if re.match(failure.request, request):
                self.failures.remove(failure)
                return failure
        return None

    def count(self, request: str) -> int:
        """How many requests began like this."""
        return sum(each.startswith(request) for each in self.requests)

    def revoke_access(self) -> None:
        self.access_tokens.clear()

    def add(self, content: bytes, *, device: str = "old-phone", **facts: Any) -> Stored:
        """Put a version there, past the API."""
        facts = {"subject": self.subject, "kind": "auto", "created_at": datetime.now(UTC), "verified": True} | facts
        stored = Stored(device=device, version=secrets.token_hex(8), content=content, **facts)
        self.stored.append(stored)
        return stored

    def tokens(self) -> dict[str, object]:
        access, refresh = secrets.token_urlsafe(), secrets.token_urlsafe()
        self.access_tokens[access] = time.time() + self.token_seconds
        self.refresh_tokens.add(refresh)
        return {
            "access_token": access,
            "refresh_token": refresh,
            "token_type": "Bearer",
            "expires_in": self.token_seconds,
        }

"""A store in memory with the two promises that a bucket keeps: written once, and listed at once."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime


@dataclass
class MemoryStore:
    """Objects by their keys."""

    objects: dict[str, tuple[bytes, datetime]] = field(default_factory=dict[str, tuple[bytes, datetime]])

    def written(self, prefix: str) -> Mapping[str, datetime]:
        return {key: time for key, (_, time) in self.objects.items() if key.startswith(prefix)}

    def read(self, key: str) -> bytes:
        return self.objects[key][0]

    def rewritten(self, prefix: str) -> list[str]:
        del prefix
        return []

    def write_once(self, key: str, content: bytes, content_type: str) -> bool:
        del content_type
        if key in self.objects:
            return False
        self.objects[key] = (content, datetime.now(UTC))
        return True

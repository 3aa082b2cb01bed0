"""Evidence in a folder: a copy of the evidence bucket."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path


@dataclass(frozen=True)
class EvidenceFolder:
    """A reader of evidence; keys are paths below ``root``. Every method raises OSError for what cannot be read."""

    root: Path

    def written(self, prefix: str) -> Mapping[str, datetime]:
        """Every file under ``prefix``, and when it was written."""
        return {
            path.relative_to(self.root).as_posix(): datetime.fromtimestamp(path.stat().st_mtime, UTC)
            for path in (self.root / prefix).rglob("*")
            if path.is_file()
        }

    def read(self, key: str) -> bytes:
        """The content of a file."""
        return (self.root / key).read_bytes()

    def rewritten(self, prefix: str) -> list[str]:  # noqa: ARG002 - as a bucket asks it
        """Nothing: a folder keeps no history."""
        return []

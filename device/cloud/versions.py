"""What the cloud says of the backups that it holds."""

from collections.abc import Callable
from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict

# ``auto``: one a device, whose older versions go; ``manual``: each is kept.
Kind = Literal["auto", "manual"]
# Gets the bytes that went over the network, and how many there are.
Progress = Callable[[int, int], None]


class CloudBackup(BaseModel):
    """One version in the cloud. ``verified`` is None until the cloud has looked at it; ``size`` is in bytes."""

    model_config = ConfigDict(frozen=True)

    device: str
    version: str
    kind: Kind
    size: int
    created_at: datetime
    verified: bool | None
    newest: bool

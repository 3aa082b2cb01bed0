"""Who is signed in on this device, and where: one file that only its owner can read."""

import re
import stat
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock
from platformdirs import user_config_path
from pydantic import BaseModel, ConfigDict, SecretStr, ValidationError, field_serializer

from device.cloud.errors import LOG_IN, SignedOutError
from device.placing import placed

DEVICE_NAME = re.compile(r"[a-z0-9-]{1,64}")


class Account(BaseModel):
    """A sign-in. Tokens show as asterisks wherever the account is printed.

    ``recovery_api`` serves copies for reading while ``api`` does not answer. ``expires_at`` is in seconds since 1970,
    None where the issuer did not say.
    """

    model_config = ConfigDict(frozen=True)

    api: str
    recovery_api: str | None = None
    issuer: str
    client_id: str
    token_endpoint: str
    device: str
    access_token: SecretStr
    refresh_token: SecretStr | None
    expires_at: float | None

    @field_serializer("access_token", "refresh_token", when_used="json")
    def _reveal(self, token: SecretStr | None) -> str | None:
        return None if token is None else token.get_secret_value()


class AccountFile:
    """The account in its file, ``account.json`` in the user's configuration folder unless told otherwise."""

    def __init__(self, path: Path | None = None) -> None:
        self.path = path or user_config_path("duskspendr-backup") / "account.json"

    def exists(self) -> bool:
        """Whether somebody is signed in."""
        return self.path.exists()

    def load(self) -> Account:
        """The account. Raises :class:`SignedOutError` when there is none, or others could have read it."""
        try:
            content = self.path.read_bytes()
            mode = stat.S_IMODE(self.path.stat().st_mode)
        except FileNotFoundError:
            raise SignedOutError(expected="somebody signed in", found=f"no {self.path}", do=LOG_IN) from None
        if mode & 0o077:
            raise SignedOutError(
                expected=f"{self.path} to be readable by you alone", found=f"mode {mode:04o}", do=f"{LOG_IN} again"
            )
        try:
            return Account.model_validate_json(content)
        except ValidationError:
            # What is wrong with it is not told: the message would hold tokens.
            raise SignedOutError(expected=f"an account in {self.path}", found="something else", do=LOG_IN) from None

    def save(self, account: Account) -> None:
        """Write the account; it is there whole or as it was before. Raises OSError."""
        self._make_folder()
        with placed(self.path, overwrite=True) as partial:
            partial.write_text(account.model_dump_json(), encoding="utf-8")

    def remove(self) -> None:
        """Sign out: nothing goes to the cloud any more. Raises OSError."""
        self.path.unlink(missing_ok=True)

    @contextmanager
    def locked(self) -> Generator[None]:
        """Keep other processes from renewing the tokens meanwhile: a refresh token may hold only once."""
        self._make_folder()
        with FileLock(self.path.with_suffix(".lock")):
            yield

    def _make_folder(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)

"""The backups of a user in the cloud: put one there, see them, bring one back, delete them all."""

import base64
import hashlib
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, TypeVar
from urllib.parse import quote

import requests
from pydantic import BaseModel, ValidationError

from device.cloud.account import AccountFile
from device.cloud.errors import (
    AlreadyThereError,
    ExpiredLinkError,
    NotInCloudError,
    OfflineError,
    ServerError,
    SignedOutError,
    TransferError,
)
from device.cloud.requesting import Pause, answered, check_address, host_of, patient
from device.cloud.signing import current
from device.cloud.versions import CloudBackup, Kind, Progress
from device.limits import CHUNK_BYTES
from device.placing import placed

_Model = TypeVar("_Model", bound=BaseModel)
_Result = TypeVar("_Result")


class _Link(BaseModel):
    method: str
    url: str
    headers: dict[str, str] = {}


class _UploadOrder(BaseModel):
    upload: _Link


class _Page(BaseModel):
    backups: tuple[CloudBackup, ...]
    next: str | None = None


class _Download(BaseModel):
    download: _Link
    size: int
    sha256: str | None = None


class _Deletion(BaseModel):
    deleted: int
    remaining: int = 0


@dataclass(frozen=True)
class Uploaded:
    """What is in the cloud now; ``already_there`` when the same file was."""

    path: Path
    size: int
    sha256: str
    device: str
    already_there: bool


class CloudBackups:
    """The cloud side of the user who is signed in on this device.

    Every method raises :class:`~device.cloud.errors.CloudError` in its kinds. What passes (no connection, an overloaded
    server) is tried again for a minute or so, ever slower; ``pause`` sleeps between. What is only read is then asked of
    the recovery region, if the account knows its address; ``reads_copies`` tells that it was.
    """

    def __init__(self, file: AccountFile, *, pause: Pause = time.sleep) -> None:
        self._file = file
        self._pause = pause
        self.reads_copies = False

    def upload(self, path: Path, *, kind: Kind, progress: Progress | None = None) -> Uploaded:
        """Put a backup file into the cloud, whose storage checks its size and checksum. Raises OSError too.

        ``progress`` gets the bytes sent and the bytes there are.
        """
        device = self._file.load().device
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").digest()
            size = os.fstat(file.fileno()).st_size
            order = {"size": size, "sha256": base64.b64encode(digest).decode(), "kind": kind}
            try:
                self._again(_Upload(self._ask, device, order, _Sent(file, size, progress)))
                there = False
            except AlreadyThereError:
                there = True
        return Uploaded(path=path, size=size, sha256=digest.hex(), device=device, already_there=there)

    def versions(self, *, device: str | None = None) -> list[CloudBackup]:
        """Every version of every device, or of one, the newest first."""

        def read(api: str) -> list[CloudBackup]:
            found: list[CloudBackup] = []
            parameters = {"device": device} if device else {}
            while True:
                page = self._again(partial(self._ask, _Page, "GET", "/v1/backups", api=api, params=parameters))
                found += page.backups
                if page.next is None:
                    return sorted(found, key=lambda each: each.created_at, reverse=True)
                parameters |= {"next": page.next}

        return self._read(read)

    def download(self, backup: CloudBackup, path: Path, *, progress: Progress | None = None) -> None:
        """Bring a version to a new file, going on where a connection broke, and check it before it gets its name.

        Raises :class:`TransferError` when what arrived is not what was put there, :class:`UsageError` when there is a
        file already, and OSError.
        """
        with placed(path) as unnamed, unnamed.open("r+b") as file:
            sha256 = self._read(lambda api: self._again(lambda: self._receive(api, backup, file, progress)))
            file.seek(0)
            found = base64.b64encode(hashlib.file_digest(file, "sha256").digest()).decode()
            # The storage knows none of what somebody else than this API put there; `verify` still proves the file.
            if sha256 is not None and found != sha256:
                raise TransferError(expected=f"a backup with the SHA-256 {sha256}", found=found, do="download it again")

    def delete_all(self, *, progress: Callable[[int], None] | None = None) -> int:
        """Delete every version of every device of this user for good, and return how many there were.

        A version whose copy is on its way to the other region can be deleted once that has arrived; it is waited for.
        """
        deleted = 0

        def delete() -> int:
            nonlocal deleted
            answer = self._ask(_Deletion, "DELETE", "/v1/backups")
            deleted += answer.deleted
            if answer.remaining and not answer.deleted:
                raise ServerError(
                    expected="every version to be deleted",
                    found=f"{answer.remaining} that stay, and {deleted} that are gone",
                    do="ask again in a while: copies on their way between regions are deleted when they have arrived",
                    passing=True,
                )
            return answer.remaining

        while self._again(delete):
            if progress:
                progress(deleted)
        return deleted

    def _read(self, work: Callable[[str], _Result]) -> _Result:
        account = self._file.load()
        if not self.reads_copies:
            try:
                return work(account.api)
            except (OfflineError, ServerError):
                if account.recovery_api is None:
                    raise
        self.reads_copies = True
        return work(str(account.recovery_api))

    def _receive(self, api: str, backup: CloudBackup, file: BinaryIO, progress: Progress | None) -> str | None:
        """One attempt, with a new link, from where the file ends. Returns the checksum that it has to have."""
        path = f"/v1/devices/{backup.device}/backups/{quote(backup.version, safe='')}/download"
        order = self._ask(_Download, "POST", path, api=api, params={"kind": backup.kind})
        check_address(order.download.url, "the link")
        start = file.seek(0, os.SEEK_END)
        if start < order.size:
            headers = {**order.download.headers, **({"Range": f"bytes={start}-"} if start else {})}
            with answered(order.download.method, order.download.url, headers=headers) as response:
                _write(response, file, order.size, progress)
        return order.sha256

    def _ask(self, model: type[_Model], method: str, path: str, *, api: str | None = None, **how: Any) -> _Model:  # noqa: ANN401 - see answered()
        account = current(self._file)
        url = f"{api or account.api}{path}"
        try:
            return _parsed(model, method, url, token=account.access_token.get_secret_value(), **how)
        except SignedOutError:
            account = current(self._file, refused=account.access_token)
            return _parsed(model, method, url, token=account.access_token.get_secret_value(), **how)

    def _again(self, once: Callable[[], _Result]) -> _Result:
        return patient(self._pause)(once)


class _Upload:
    """Attempts at one upload, which share a link as long as it holds: every link counts against the day's quota."""

    def __init__(self, ask: "Callable[..., _UploadOrder]", device: str, order: dict[str, Any], body: "_Sent") -> None:
        self._order = lambda: ask(_UploadOrder, "POST", f"/v1/devices/{device}/backups", json=order).upload
        self._body = body
        self._link: _Link | None = None

    def __call__(self) -> None:
        if self._link is None:
            self._link = self._order()
            check_address(self._link.url, "the link")
        self._body.rewind()
        try:
            with answered(self._link.method, self._link.url, headers=self._link.headers, data=self._body):
                pass
        except (ExpiredLinkError, NotInCloudError) as error:
            # 404: what this upload was to replace has been deleted meanwhile.
            self._link = None
            raise ExpiredLinkError(expected=error.expected, found=error.found, do=error.do, passing=True) from None


class _Sent:
    """A file on its way, which tells how far it is."""

    def __init__(self, file: BinaryIO, size: int, progress: Progress | None) -> None:
        self._file = file
        self._size = size
        self._progress = progress

    def __len__(self) -> int:
        return self._size

    def rewind(self) -> None:
        self._file.seek(0)

    def read(self, size: int = -1) -> bytes:
        content = self._file.read(size)
        if self._progress:
            self._progress(self._file.tell(), self._size)
        return content


def _write(response: requests.Response, file: BinaryIO, size: int, progress: Progress | None) -> None:
    if response.status_code != requests.codes.partial_content:
        file.seek(0)
        file.truncate()
    for chunk in response.iter_content(CHUNK_BYTES):
        file.write(chunk)
        if file.tell() > size:
            raise TransferError(expected=f"a backup of {size} bytes", found="more", do="download it again")
        if progress:
            progress(file.tell(), size)
    if file.tell() < size:
        raise OfflineError(
            expected=f"a backup of {size} bytes", found=f"{file.tell()}", do="download it again", passing=True
        )


def _parsed(model: type[_Model], method: str, url: str, **how: Any) -> _Model:  # noqa: ANN401 - see answered()
    with answered(method, url, **how) as response:
        try:
            return model.model_validate_json(response.content)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"])) or "the body"
            raise ServerError(
                expected=f"an answer of the API to {method} {host_of(url)}",
                found=f"{where}: {first['msg']}",
                do="check the address of the API; a network that asks for its own sign-in answers like this too",
            ) from None

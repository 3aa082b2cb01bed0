"""What the API refuses, in the form its clients read."""

from http import HTTPStatus


class RefusedError(Exception):
    """A request that is not carried out: what was expected, what was found and what to do. ``code`` is for machines.

    ``retry_after_seconds`` is given where waiting helps.
    """

    def __init__(
        self,
        status: HTTPStatus,
        code: str,
        message: str,
        *,
        expected: str,
        found: str,
        do: str,
        retry_after_seconds: int | None = None,
    ) -> None:
        super().__init__(f"{message}: expected {expected}, found {found}. {do}")
        self.status = status
        self.retry_after_seconds = retry_after_seconds
        self.body = {
            "error": {"code": code, "message": message, "expected": expected, "found": found, "do": do},
        }


def bad_request(code: str, message: str, *, expected: str, found: str, do: str) -> RefusedError:
    """What was sent cannot be used; ``found`` is it, however long and strange it is."""
    return RefusedError(HTTPStatus.BAD_REQUEST, code, message, expected=expected, found=repr(shortened(found)), do=do)


def no_such_backup(device: str, version: str, kind: str) -> RefusedError:
    """There is no such version, or it is somebody else's: the two are told alike."""
    return RefusedError(
        HTTPStatus.NOT_FOUND,
        "no-such-backup",
        "there is no such backup",
        expected="a device, version and kind out of GET /v1/backups",
        found=f"device {device}, version {shortened(version)}, kind {kind}",
        do="List the backups again: versions expire.",
    )


def shortened(text: str, longest: int = 80) -> str:
    """``text`` as it can stand in a message, however long and strange it is."""
    shown = text if len(text) <= longest else f"{text[:longest]}... ({len(text)} characters)"
    return shown.encode("ascii", "backslashreplace").decode()

"""What can go wrong between the device and the cloud, each told apart from the others."""

from typing import ClassVar

from device.errors import BackupError

LOG_IN = "sign in with `duskspendr-backup login`"


class CloudError(BackupError):
    """``passing`` says that trying again may help, ``retry_after_seconds`` when the server says how long to wait."""

    code: ClassVar[str] = "cloud"

    def __init__(
        self, *, expected: str, found: str, do: str, passing: bool = False, retry_after_seconds: float | None = None
    ) -> None:
        super().__init__(expected=expected, found=found, do=do)
        self.passing = passing
        self.retry_after_seconds = retry_after_seconds


class OfflineError(CloudError):
    """The server was not reached, or the connection broke."""

    code: ClassVar[str] = "offline"


class SignedOutError(CloudError):
    """Nobody is signed in, or the server does not take the sign-in any more."""

    code: ClassVar[str] = "signed_out"


class LoginError(CloudError):
    """Signing in did not work."""

    code: ClassVar[str] = "login"


class ForbiddenError(CloudError):
    """The server knows the user and refuses."""

    code: ClassVar[str] = "forbidden"


class NotInCloudError(CloudError):
    """There is no such backup in the cloud."""

    code: ClassVar[str] = "not_in_cloud"


class AlreadyThereError(CloudError):
    """The same backup is in the cloud already."""

    code: ClassVar[str] = "already_there"


class TooLargeError(CloudError):
    """The backup is larger than the server takes."""

    code: ClassVar[str] = "too_large"


class QuotaError(CloudError):
    """Too much was asked of the server for now."""

    code: ClassVar[str] = "quota"


class ServerError(CloudError):
    """The server failed, or answered what nobody expects."""

    code: ClassVar[str] = "server"


class ClockSkewError(CloudError):
    """This device's clock is so wrong that signatures and sign-ins do not hold."""

    code: ClassVar[str] = "clock_skew"


class ExpiredLinkError(CloudError):
    """A signed link was used after its time."""

    code: ClassVar[str] = "link_expired"


class ArchivedError(CloudError):
    """The backup lies in an archive that has to be asked to bring it back."""

    code: ClassVar[str] = "archived"


class TransferError(CloudError):
    """What arrived is not what was sent."""

    code: ClassVar[str] = "transfer"

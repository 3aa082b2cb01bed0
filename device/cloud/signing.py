"""A token that the API takes now: from the account, renewed when its time is over."""

import time

from pydantic import SecretStr

from device.cloud.account import Account, AccountFile
from device.cloud.errors import LOG_IN, SignedOutError
from device.limits import TOKEN_LEEWAY_SECONDS


def current(file: AccountFile, *, refused: SecretStr | None = None) -> Account:
    """The account with a token that still holds, as far as is known here; ``refused`` is one that the API just refused.

    Raises :class:`SignedOutError` when only a new sign-in helps, and :class:`OfflineError`.
    """
    account = file.load()
    if _holds(account, refused):
        return account
    with file.locked():
        account = file.load()  # another process may have been faster
        if _holds(account, refused):
            return account
        if account.refresh_token is None:
            raise SignedOutError(expected="a sign-in that still holds", found="one whose time is over", do=LOG_IN)
        # Only once an hour: see the package.
        from device.cloud.protocol import renew

        tokens = renew(account.token_endpoint, account.client_id, account.refresh_token)
        account = account.model_copy(
            update={
                "access_token": tokens.access_token,
                "refresh_token": tokens.refresh_token,
                "expires_at": tokens.expires_at,
            }
        )
        file.save(account)
        return account


def _holds(account: Account, refused: SecretStr | None) -> bool:
    if account.access_token == refused:
        return False
    return account.expires_at is None or account.expires_at - TOKEN_LEEWAY_SECONDS > time.time()

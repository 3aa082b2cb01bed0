"""``login``, ``upload``, ``download`` and ``cloud``."""

import sys
import webbrowser
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from device.age_file import structure
from device.cloud import AccountFile, cloud_backups
from device.cloud.errors import NotInCloudError, SignedOutError
from device.cloud.versions import CloudBackup, Kind, Progress
from device.commands.arguments import File
from device.errors import UsageError
from device.folder import existing_backup
from device.limits import LOGIN_PORTS
from device.manifest import timestamp
from device.terminal import Json, answer, one_error, progress, remark

if TYPE_CHECKING:
    from device.cloud.backups import CloudBackups

app = typer.Typer(help="Your backups in the cloud.", no_args_is_help=True, add_completion=False)

_Device = Annotated[
    str | None, typer.Option("--device", help="The device's name, as `cloud list` gives it.", show_default=False)
]


def login(
    api: Annotated[str, typer.Option("--api", help="The address of the backup service.", show_default=False)],
    issuer: Annotated[
        str, typer.Option("--issuer", help="Who signs you in: an OpenID Connect issuer.", show_default=False)
    ],
    client_id: Annotated[
        str, typer.Option("--client-id", help="This program's name at the issuer.", show_default=False)
    ],
    recovery_api: Annotated[
        str | None,
        typer.Option("--recovery-api", help="The service's address in the recovery region.", show_default=False),
    ] = None,
    redirect_uri: Annotated[
        list[str] | None,
        typer.Option(
            "--redirect-uri",
            help="Where the browser comes back to, as registered with the issuer; port 0 is any free one.",
            show_default=f"127.0.0.1, port {', '.join(map(str, LOGIN_PORTS))}",
        ),
    ] = None,
    device: Annotated[
        str | None, typer.Option("--device", help="A name for this device.", show_default="one by chance")
    ] = None,
    browser: Annotated[bool, typer.Option(help="Open the browser, or only print the address.")] = True,
    as_json: Json = False,
) -> None:
    """Sign in with your browser, so that backups can go to the cloud and come back."""
    from device.cloud.login import REDIRECT_URIS, log_in

    def show(url: str) -> None:
        remark(f"sign in at {url}")
        if browser:
            webbrowser.open(url)

    file = AccountFile()
    with one_error(as_json=as_json):
        account = log_in(
            api=api,
            recovery_api=recovery_api,
            issuer=issuer,
            client_id=client_id,
            show=show,
            redirect_uris=redirect_uri or REDIRECT_URIS,
            device=device or _known_device(file),
        )
        file.save(account)
    facts = {"device": account.device, "api": account.api, "issuer": account.issuer, "account": str(file.path)}
    lines: list[str | Text] = [
        f"signed in; this device is called {account.device}",
        f"the sign-in is kept in {file.path}: who removes that file has signed out",
    ]
    answer(facts, as_json=as_json, lines=lines)


def upload(
    file: File,
    kind: Annotated[
        Kind, typer.Option("--kind", help="auto: of each device the newest stays; manual: each is kept.")
    ] = "manual",
    as_json: Json = False,
) -> None:
    """Bring a backup file to the cloud. It stays encrypted: nobody there can open it."""
    with one_error(as_json=as_json), progress("uploading") as step:
        structure(existing_backup(file))
        uploaded = cloud_backups().upload(file, kind=kind, progress=_shares(step))
    facts = {"path": str(file), "size": uploaded.size, "sha256": uploaded.sha256, "device": uploaded.device}
    done = "is in the cloud already" if uploaded.already_there else f"is in the cloud, {uploaded.size:,} bytes"
    lines: list[str | Text] = [f"{file} {done}, as a backup of {uploaded.device}"]
    answer(facts | {"kind": kind, "already_there": uploaded.already_there}, as_json=as_json, lines=lines)


@app.command("list")
def list_backups(device: _Device = None, as_json: Json = False) -> None:
    """List the backups of all your devices, or of one, newest first."""
    with one_error(as_json=as_json), progress("asking the cloud"):
        cloud = cloud_backups()
        found = cloud.versions(device=device)
    _remark_copies(cloud)
    lines: list[str | Text] = [_line(each) for each in found] or ["no backups in the cloud"]
    answer({"backups": [each.model_dump(mode="json") for each in found]}, as_json=as_json, lines=lines)


def download(
    into: Annotated[Path, typer.Option("--into", help="The folder for the backup.", show_default=False)],
    device: _Device = None,
    version: Annotated[
        str | None, typer.Option("--version", help="Which one, as `cloud list` gives it.", show_default="the newest")
    ] = None,
    as_json: Json = False,
) -> None:
    """Bring a backup back from the cloud: by default the newest one that the cloud has not found damaged."""
    with one_error(as_json=as_json), progress("downloading") as step:
        cloud = cloud_backups()
        chosen = _chosen(cloud.versions(device=device), version)
        path = into / f"backup_{timestamp(chosen.created_at)}.enc"
        cloud.download(chosen, path, progress=_shares(step))
    _remark_copies(cloud)
    facts = {"path": str(path), "size": chosen.size, "device": chosen.device, "version": chosen.version}
    lines: list[str | Text] = [f"{path}", f"{chosen.size:,} bytes, of {chosen.device}, {_moment(chosen.created_at)}"]
    answer(facts | {"created_at": chosen.created_at.isoformat()}, as_json=as_json, lines=lines)


@app.command()
def delete(
    yes: Annotated[bool, typer.Option("--yes", help="Delete without asking.")] = False, as_json: Json = False
) -> None:
    """Delete all your backups in the cloud, of every device and in every region, for good, and sign this device out."""
    with one_error(as_json=as_json):
        if not yes and not sys.stdin.isatty():
            raise UsageError(expected="--yes, as nobody is there to be asked", found="none", do="add it")
        if not yes:
            typer.confirm("Delete all backups of all your devices in the cloud, for good?", abort=True, err=True)
        with progress("deleting") as step:
            deleted = cloud_backups().delete_all(progress=lambda count: step(f"{count:,} versions"))
        AccountFile().remove()
    lines: list[str | Text] = [
        f"deleted {deleted:,} versions; nothing is left",
        "this device is signed out, so that it brings nothing there again; sign out your other devices too",
    ]
    answer({"deleted": deleted, "signed_out": True}, as_json=as_json, lines=lines)


def _remark_copies(cloud: "CloudBackups") -> None:
    if cloud.reads_copies:
        remark("the service does not answer: these are the recovery region's copies, which may be some minutes behind")


def _known_device(file: AccountFile) -> str | None:
    """The name that this device has already: its backups go on under it."""
    try:
        return file.load().device
    except SignedOutError:
        return None


def _chosen(found: list[CloudBackup], version: str | None) -> CloudBackup:
    """The one to download. Raises :class:`NotInCloudError`, and :class:`UsageError` when it is not clear which."""
    if version is not None:
        found = [each for each in found if each.version == version]
    else:
        found = [each for each in found if each.verified is not False]
    if not found:
        wanted = "a backup in the cloud" if version is None else f"the version {version} in the cloud"
        raise NotInCloudError(expected=wanted, found="none", do="look with `duskspendr-backup cloud list`")
    devices = sorted({each.device for each in found})
    if len(devices) > 1:
        raise UsageError(
            expected="--device, for several have backups", found="none", do=f"choose one of {', '.join(devices)}"
        )
    return found[0]


def _shares(step: Callable[[str], None]) -> Progress:
    return lambda done, size: step(f"{done / max(size, 1):.0%} of {size:,} bytes")


def _line(backup: CloudBackup) -> str:
    checked = {True: "checked", False: "DAMAGED", None: "not checked yet"}[backup.verified]
    newest = "newest" if backup.newest else ""
    # The version stands last, where it is easy to copy.
    return (
        f"{_moment(backup.created_at)}  {backup.size:>13,} bytes  {backup.kind:<6}  {checked:<15}  {newest:<6}"
        f"  {backup.device}  {backup.version}"
    )


def _moment(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S}Z"

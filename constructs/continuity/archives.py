"""What is uploaded for functions and layers: archives that are the same, byte for byte, wherever they are written."""

import hashlib
import tempfile
from collections.abc import Iterable
from pathlib import Path
from zipfile import ZIP_STORED, ZipFile, ZipInfo

ROOT = Path(__file__).resolve().parents[2]
ASSETS = "build/assets"
# Times, modes and the system that wrote it are part of an archive. These are nobody's.
_TIME = (1980, 1, 1, 0, 0, 0)
_UNIX, _MODE = 3, 0o100644


def digest_of(root: Path, files: Iterable[Path]) -> str:
    """A digest of the names and contents of ``files``, blind to times, modes and machines."""
    digest = hashlib.sha256()
    for path in sorted(files):
        digest.update(path.as_posix().encode() + b"\0")
        digest.update(hashlib.sha256((root / path).read_bytes()).digest())
    return digest.hexdigest()


def archive_path(root: Path, name: str, digest: str) -> Path:
    """Where the archive of that content lies, or is to lie. ``name`` holds no hyphen."""
    return root / ASSETS / f"{name}-{digest[:16]}.zip"


def write_archive(target: Path, root: Path, files: Iterable[Path]) -> None:
    """Write ``files`` of ``root`` into ``target``, whole or not at all, and drop what was there of the same name.

    Stored and not deflated, for other builds of zlib deflate to other bytes. Raises OSError, and leaves nothing then.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    # Written aside and renamed, so that two syntheses at once never see half an archive.
    with tempfile.NamedTemporaryFile(dir=target.parent, delete=False) as file:
        staging = Path(file.name)
        try:
            with ZipFile(file, "w", ZIP_STORED) as archive:
                for path in sorted(files):
                    entry = ZipInfo(path.as_posix(), _TIME)
                    entry.create_system, entry.external_attr = _UNIX, _MODE << 16
                    archive.writestr(entry, (root / path).read_bytes())
            file.close()
            staging.chmod(0o644)
            staging.replace(target)
        except BaseException:
            staging.unlink(missing_ok=True)
            raise
    for older in target.parent.glob(f"{target.name.partition('-')[0]}-*.zip"):
        if older != target:
            older.unlink(missing_ok=True)

"""Extensions that RDS lets its master user add, and a plain server does not.

https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/Appendix.PostgreSQL.CommonDBATasks.Roles.rds_superuser.html
"""

from pathlib import Path

from lab.server import make_run_folder, server_folder

OFFERED = ("amcheck",)

# The scripts run as the server's superuser, who then owns the functions and has to pass on the right to grant them.
_PASSED_ON = """
DO $$ BEGIN
    EXECUTE format('GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA %I TO rds_superuser WITH GRANT OPTION', current_schema());
END $$;
"""


def extension_settings(folder: Path) -> dict[str, str]:
    """Settings under which a server finds the offered extensions in ``folder`` first, marked as trusted."""
    offered = folder / "extension"
    if not offered.exists():
        make_run_folder(folder, ["extension"])
        for name in OFFERED:
            _offer(server_folder() / "share" / "extension", offered, name)
    return {"extension_control_path": f"{folder}:$system"}


def _offer(source: Path, offered: Path, name: str) -> None:
    scripts = sorted(source.glob(f"{name}--*.sql"))
    for script in scripts:
        (offered / script.name).write_text(script.read_text())
    newest = offered / scripts[-1].name
    newest.write_text(newest.read_text() + _PASSED_ON)
    control = (source / f"{name}.control").read_text()
    (offered / f"{name}.control").write_text(f"{control}\ntrusted = true\n")

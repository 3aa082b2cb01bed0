"""The emulator's process. GATEWAY_PORT, BIND_HOST, LAB_FOLDER and LAB_ACCOUNT come from :mod:`lab.cloud`.

It ends itself when the process that started it is gone, so that no server outlives a killed drill.
"""

import os
import shutil
import signal
import sys
import threading
import time
from pathlib import Path
from types import FrameType

from lab.emulator import hooks
from lab.emulator.alarms import Alarms
from lab.emulator.backup_api import BackupApi
from lab.emulator.backups import Backups
from lab.emulator.control import Control
from lab.emulator.faults import Faults
from lab.emulator.instances import Instances
from lab.emulator.reboots import Reboots
from lab.emulator.recorded import Recorder
from lab.emulator.replication import Replication
from lab.emulator.scaling import Scaling
from lab.emulator.service_deployments import ServiceDeployments


def main() -> None:
    """Complete the emulator, serve, and leave no database behind."""
    folder = Path(os.environ["LAB_FOLDER"])
    instances = Instances(folder / "instances")
    backup_api = BackupApi(Backups(folder / "recovery-points", instances))
    recorder = Recorder()
    hooks.name_function_errors()
    hooks.name_versions_in_s3_events()
    faults, service_deployments = Faults(), ServiceDeployments()
    replication = Replication(instances)
    parts = (
        instances,
        Reboots(instances),
        replication,
        backup_api,
        recorder,
        Alarms(),
        faults,
        service_deployments,
        Scaling(),
    )
    for part in parts:
        part.install()
    control = Control(
        os.environ["LAB_ACCOUNT"], instances, backup_api, recorder, faults, service_deployments, replication
    )
    hooks.wrap_application(control.wrap)
    _follow_parent(instances, folder)
    try:
        hooks.serve()
    finally:
        instances.destroy_all()


def _follow_parent(instances: Instances, folder: Path) -> None:
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        instances.destroy_all()
        shutil.rmtree(folder, ignore_errors=True)
        os._exit(1)

    threading.Thread(target=watch, name="follow-parent", daemon=True).start()

    def stop(_number: int, _frame: FrameType | None) -> None:
        sys.exit(0)

    signal.signal(signal.SIGTERM, stop)


if __name__ == "__main__":
    main()

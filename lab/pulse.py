"""The deployed heartbeat function, beaten more often than its schedule does."""

import threading

from lab.cloud import Cloud, LabError
from lab.deployment import Deployment

# The deployed schedule beats once a minute. The drill beats once a second besides, so that it need not last minutes for
# the pulse to date the loss.
PULSE_SECONDS = 1.0


class Pulse:
    """Invokes the deployed heartbeat function once a second, from entering to leaving or until its region is gone."""

    def __init__(self, cloud: Cloud, deployment: Deployment) -> None:
        self._beat = lambda: cloud.invoke(
            deployment.primary_region, deployment.output("Database", "HeartbeatFunctionName")
        )
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="pulse", daemon=True)

    def __enter__(self) -> None:
        self._beat()
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._stop.set()  # without waiting: a beat that the disaster caught under way only times out

    def _run(self) -> None:
        while not self._stop.wait(PULSE_SECONDS):
            try:
                self._beat()
            except LabError:
                return  # the region is gone; that is the drill

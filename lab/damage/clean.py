# ruff: noqa: S311 - chance chooses moments here, not secrets
"""False alarms: restores of a primary that is written to all the time, none of which may fail a check."""

import random
import shutil
import statistics
import tempfile
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from lab.damage.source import Source
from lab.damage.stage import DATABASE, create
from lab.damage.traffic import Traffic
from lab.postgres import Cluster
from lab.server import PostgresError, make_run_folder
from lab.workload import MAY_LOSE_ROWS
from recovery.bootstrap import VERIFIER_ROLE
from recovery.check_results import CheckResult
from recovery.database import connect
from recovery.manifest import Manifest
from recovery.manifest_taking import take_manifest
from recovery.objectives import FULL
from recovery.verification import verify

# A new base backup after so many restores: otherwise each would replay all that was written since the first.
RESTORES_A_BACKUP = 10
# How long the primary goes on after a manifest, at most, in seconds.
LONGEST_AGE_SECONDS = 4.0
# Every so many restores, one goes to the very moment of its manifest.
MANIFESTS_OWN_MOMENT = 4


@dataclass(frozen=True, kw_only=True)
class CleanRestore:
    """One restore: to a moment ``age_seconds`` after its manifest. ``share_proven`` is of the rows, 0 to 1.

    The manifest left out what was younger than ``unsettled_seconds``: the age of the oldest transaction open beside it,
    an hour more where that one was prepared.
    """

    age_seconds: float
    unsettled_seconds: float
    restore_seconds: float
    verify_seconds: float
    rows: int
    share_proven: float | None
    alarms: tuple[CheckResult, ...]


@dataclass(frozen=True)
class CleanRestores:
    """What came of a series of clean restores, during which so many ``writes`` were committed on the primary."""

    steps: tuple[CleanRestore, ...]
    writes: int

    @property
    def false_alarms(self) -> list[CheckResult]:
        """Every check that did not pass, of all restores."""
        return [alarm for step in self.steps for alarm in step.alarms]

    @property
    def shares(self) -> list[float]:
        """The shares of rows proven to the bit, where there was a content to prove."""
        return [step.share_proven for step in self.steps if step.share_proven is not None] or [0.0]

    @property
    def summary(self) -> str:
        """The figures in a sentence, and each false alarm on a line of its own."""
        least, median = min(self.shares), statistics.median(self.shares)
        restoring, verifying = self._median("restore_seconds"), self._median("verify_seconds")
        lines = [
            f"{len(self.steps)} clean restores during {self.writes} writes, {len(self.false_alarms)} false alarms;"
            f" proven to the bit: at least {least:.2%} of the rows, median {median:.2%};"
            f" median {restoring:.1f} s to restore and {verifying:.1f} s to verify (figures of the lab)"
        ]
        return "\n".join([*lines, *(f"{each.name} {each.status}: {each.detail}" for each in self.false_alarms)])

    def record(self) -> dict[str, Any]:
        """The figures as JSON values."""
        return {
            "restores": len(self.steps),
            "writes": self.writes,
            "false_alarms": [each.model_dump(mode="json") for each in self.false_alarms],
            "share_proven": {"min": min(self.shares), "median": statistics.median(self.shares)},
            "rows": {"min": min(step.rows for step in self.steps), "max": max(step.rows for step in self.steps)},
            "longest_unsettled_seconds": round(max(step.unsettled_seconds for step in self.steps), 3),
            "median_seconds": {
                "unsettled": round(self._median("unsettled_seconds"), 3),
                "age": round(self._median("age_seconds"), 3),
                "restore": round(self._median("restore_seconds"), 3),
                "verify": round(self._median("verify_seconds"), 3),
            },
        }

    def _median(self, name: str) -> float:
        return statistics.median(float(getattr(step, name)) for step in self.steps)


@dataclass
class Product:
    """A primary under traffic, of which restores are made."""

    folder: Path
    source: Source
    traffic: Traffic

    def restores(self, count: int) -> Iterator[CleanRestore]:
        """Take a manifest, restore to a moment at or after it, verify; so many times.

        Raises PostgresError when a writer has stopped: the restores would prove less than they say.
        """
        for number in range(count):
            if number % RESTORES_A_BACKUP == 0:
                shutil.rmtree(self.source.base, ignore_errors=True)
                self.source.back_up()
            yield self._restore(number)
            if self.traffic.failures:
                raise PostgresError(f"expected every writer to go on, found {'; '.join(self.traffic.failures)}")

    def _restore(self, number: int) -> CleanRestore:
        manifest = self._manifest()
        time.sleep(random.random() * LONGEST_AGE_SECONDS)
        now = self.source.now()
        moment = manifest.taken_at
        if number % MANIFESTS_OWN_MOMENT:
            moment += random.random() * (now - manifest.taken_at)
        self.source.ship()
        began = time.monotonic()
        started_at = self.source.now()
        restored = self.source.restore(f"restored-{number}", moment)
        try:
            ready = time.monotonic()
            checks = self._verify(restored, manifest, moment, started_at)
        finally:
            restored.destroy()
        content = {each.name: each.measurements for each in checks}.get("content", {})
        share = content.get("share_proven")
        return CleanRestore(
            age_seconds=(moment - manifest.taken_at).total_seconds(),
            unsettled_seconds=(manifest.taken_at - manifest.settled_at).total_seconds(),
            restore_seconds=ready - began,
            verify_seconds=time.monotonic() - ready,
            rows=int(content.get("rows") or 0),
            share_proven=share if isinstance(share, float) else None,
            alarms=tuple(each for each in checks if each.status != "passed"),
        )

    def _manifest(self) -> Manifest:
        with connect(
            self.source.cluster.dsn(DATABASE, user=VERIFIER_ROLE), application_name="lab-manifest"
        ) as connection:
            return take_manifest(connection, may_lose_rows=MAY_LOSE_ROWS)

    def _verify(
        self, restored: Cluster, manifest: Manifest, moment: datetime, started_at: datetime
    ) -> tuple[CheckResult, ...]:
        return verify(
            restored.dsn(DATABASE, user=VERIFIER_ROLE),
            manifest,
            disaster_time=moment,
            rpo=FULL.rpo,
            restore_started_at=started_at,
        ).checks


@contextmanager
def running_product() -> Generator[Product]:
    """A primary in a temporary folder, filled and under traffic; removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="continuity-lab-") as name:
        folder = make_run_folder(Path(name))
        source = Source(folder / "product", {"autovacuum": "on", "autovacuum_naptime": "2s"})
        try:
            source.start()
            create(source.cluster)
            with Traffic(source.cluster) as traffic:
                yield Product(folder, source, traffic)
        finally:
            source.cluster.destroy()

"""Is every object there, as it was?"""

from recovery.checks.outcome import Check, CheckContext, Outcome, Part
from recovery.database import Connection
from recovery.schema import differences, read_schema, summary


def check_schema(connection: Connection, context: CheckContext, _part: Part) -> Outcome:
    """The schema equals the manifest's, object by object."""
    major, expected_major = connection.info.server_version // 10_000, context.manifest.database.server_major
    if major != expected_major:
        return Outcome(
            status="not_proven",
            detail=f"PostgreSQL {major} words definitions otherwise than the manifest's {expected_major}",
        )
    found = read_schema(connection)
    sentences = differences(context.manifest.objects, found)
    measurements = {"objects": len(found), "differences": len(sentences)}
    if sentences:
        return Outcome(status="failed", detail=summary(sentences), measurements=dict(measurements))
    return Outcome(status="passed", detail=f"{len(found)} objects as in the manifest", measurements=dict(measurements))


SCHEMA = Check(run=check_schema)

"""Is every object there, as it was?"""

from recovery.checks.outcome import Check, CheckContext, Outcome, Part, counted
from recovery.database import Connection
from recovery.schema import differences, outdated_collations, read_schema
from recovery.summary import summary


def check_schema(connection: Connection, context: CheckContext, _part: Part) -> Outcome:
    """The schema equals the manifest's, object by object.

    A collation whose rules the server's libraries have changed since its indexes were sorted is told. It fails the
    copy only when the manifest's database did not have it as well.
    """
    major, expected_major = connection.info.server_version // 10_000, context.manifest.database.server_major
    if major != expected_major:
        return Outcome(
            status="not_proven",
            detail=f"PostgreSQL {major} words definitions otherwise than the manifest's {expected_major}",
        )
    found = read_schema(connection)
    sentences = differences(context.manifest.objects, found)
    outdated = outdated_collations(found)
    measurements = {"objects": len(found), "differences": len(sentences), "outdated_collations": len(outdated)}
    notes = [f"{each}: REINDEX what it sorts, then ALTER ... REFRESH VERSION" for each in outdated]
    if sentences:
        return Outcome(status="failed", detail=summary([*sentences, *notes]), measurements=dict(measurements))
    proven = f"{counted(len(found), 'object')} as in the manifest"
    return Outcome(status="passed", detail=summary([proven, *notes]), measurements=dict(measurements))


SCHEMA = Check(run=check_schema)

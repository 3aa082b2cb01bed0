"""The rules of a plan: what stops or harms a migration between two servers, and how it is mended."""

from collections.abc import Iterable, Mapping
from typing import Literal

from pydantic import BaseModel, ConfigDict

from recovery.migration.standing import ALARM_SHARE
from recovery.migration.survey import Survey
from recovery.settling import OLDEST_MAJOR

# "stops": start refuses. "harms": it goes on, and something is slower or missing. "note": worth knowing.
Weight = Literal["stops", "harms", "note"]

# Of every slot that logical replication takes: the subscription's, that of what changed since the verification, and one
# for each table that is being copied.
FIXED_SLOTS = 2
_MOST_NAMED = 5


class Finding(BaseModel):
    """One thing that speaks against the move, or that somebody should know."""

    model_config = ConfigDict(frozen=True)

    kind: str
    weight: Weight
    found: str
    fix: str


def find(source: Survey, target: Survey, tools: Mapping[str, int | None]) -> Iterable[Finding]:
    """Every finding of these two, the heaviest first."""
    found = [
        *_versions(source, target, tools),
        *_server_settings(source, target),
        *_rights(source, target),
        *_tables(source),
        *_without_rows(source),
        *_contents(source, target),
        *_already_there(source, target),
    ]
    return sorted(found, key=lambda each: ("stops", "harms", "note").index(each.weight))


def _versions(source: Survey, target: Survey, tools: Mapping[str, int | None]) -> Iterable[Finding]:
    if source.major < OLDEST_MAJOR:
        yield _stops(
            "version", f"the source is PostgreSQL {source.major}", f"upgrade it to {OLDEST_MAJOR} or later first"
        )
    if target.major < source.major:
        yield _stops(
            "version",
            f"the target is PostgreSQL {target.major}, older than the source's {source.major}",
            f"move to PostgreSQL {source.major} or later",
        )
    for name, major in tools.items():
        if major is None:
            yield _stops("tools", f"{name} is not on PATH", f"install the client of PostgreSQL {target.major}")
        elif not source.major <= major <= target.major:
            yield _stops(
                "tools",
                f"{name} on PATH is {major}, the source {source.major}, the target {target.major}: one older than the"
                " source cannot read it, one newer than the target writes what that cannot",
                f"put the client of PostgreSQL {target.major} first on PATH",
            )


def _server_settings(source: Survey, target: Survey) -> Iterable[Finding]:
    for end, found in (("source", source), ("target", target)):
        if found.settings["wal_level"] != "logical":
            why = "" if end == "source" else " (the way back after a cutover needs it)"
            yield _stops(
                "wal_level",
                f"the {end}'s wal_level is {found.settings['wal_level']}{why}",
                "set wal_level = logical and restart; on RDS rds.logical_replication = 1 in its parameter group, and"
                " reboot",
            )
        limit = found.number("max_slot_wal_keep_size")
        if limit >= 0:
            yield Finding(
                kind="slot limit",
                weight="note",
                found=f"the {end} keeps at most {size(limit * 1024 * 1024)} of WAL for a slot",
                fix=f"`dr migrate status` says so from {ALARM_SHARE:.0%} of it on; past it the move begins anew",
            )
        else:
            yield _stops(
                "slot limit",
                f"the {end}'s max_slot_wal_keep_size is unlimited: a slot that nobody reads fills its disk",
                "set max_slot_wal_keep_size to what the disk can spare; it takes effect at a reload",
            )
        needed = FIXED_SLOTS + target.number("max_sync_workers_per_subscription")
        for setting, used in (("max_replication_slots", found.slots), ("max_wal_senders", found.senders)):
            if found.number(setting) - used < needed:
                yield _stops(
                    "slots",
                    f"the {end}'s {setting} is {found.settings[setting]}, {used} of them taken; {needed} are needed",
                    f"raise it to {used + needed} or more and restart",
                )
        workers = found.number("max_logical_replication_workers") - found.workers
        if workers < 1 + target.number("max_sync_workers_per_subscription"):
            yield _stops(
                "slots",
                f"the {end}'s max_logical_replication_workers leaves {workers} free",
                "raise it, and max_worker_processes with it, and restart",
            )
    if source.names["prepared"]:
        yield _stops(
            "transactions",
            f"prepared transactions are open: {_list(source.names['prepared'])}",
            "COMMIT PREPARED or ROLLBACK PREPARED them: a slot waits for them",
        )
    if source.names["long_transactions"]:
        yield _harms(
            "transactions",
            f"long transactions are open: {_list(source.names['long_transactions'])}",
            "let them end: making a slot waits for them, and so does a cutover",
        )


def _rights(source: Survey, target: Survey) -> Iterable[Finding]:
    for end, found in (("source", source), ("target", target)):
        if not (found.superuser or found.rds):
            yield _stops(
                "rights",
                f"the role {found.role} of the {end} is neither superuser nor member of rds_superuser",
                "use one that is, such as RDS's master user",
            )
        if not found.owner:
            yield _stops(
                "rights",
                f"the role {found.role} does not own the {end}'s database",
                "use its owner, or grant the owner's role to it",
            )
        if not found.origins:
            yield _stops(
                "rights",
                f"the role {found.role} of the {end} may not say where a subscription begins (the way back needs it)",
                f'GRANT EXECUTE ON FUNCTION pg_replication_origin_advance(text, pg_lsn) TO "{found.role}"',
            )
    if source.names["not_owned"]:
        yield _stops(
            "rights",
            f"the role {source.role} owns neither of {_list(source.names['not_owned'])}",
            "grant their owner's role to it: a publication and the freeze need the owner",
        )
    missing = sorted(set(source.names["roles"]) - set(target.names["all_roles"]))
    if missing:
        yield _stops(
            "roles",
            f"the target lacks roles that own or are granted something: {_list(missing)}",
            "create them there (`pg_dumpall --roles-only` prints the commands)",
        )


def _tables(source: Survey) -> Iterable[Finding]:
    names = source.names
    if names["without_identity"]:
        yield _stops(
            "replica identity",
            f"no primary key or replica identity: {_list(names['without_identity'])}: updates and deletes of published"
            " rows would fail on the source",
            "ALTER TABLE ... ADD PRIMARY KEY, or REPLICA IDENTITY USING INDEX, or REPLICA IDENTITY FULL",
        )
    if names["identity_full"]:
        yield _harms(
            "replica identity",
            f"replica identity FULL: {_list(names['identity_full'])}: every update searches the target's table",
            "give them a primary key where they are large",
        )
    if source.large_objects:
        yield _stops(
            "large objects",
            f"{source.large_objects} large objects, which logical replication does not move",
            "move them into a bytea column, or unlink them",
        )
    if names["row_security"] and not source.superuser:
        yield _stops(
            "row security",
            f"row security hides rows from the copy: {_list(names['row_security'])}",
            "ALTER TABLE ... DISABLE ROW LEVEL SECURITY until the cutover",
        )
    if names["triggers"]:
        yield _harms(
            "triggers",
            f"these fire for replicated rows, too: {_list(names['triggers'])}",
            "ALTER TABLE ... ENABLE TRIGGER (without ALWAYS or REPLICA), if they change rows",
        )
    if names["event_triggers"]:
        yield _harms(
            "triggers",
            f"event triggers fire for what is set up: {_list(names['event_triggers'])}",
            "ALTER EVENT TRIGGER ... DISABLE until the cutover, if they refuse or change anything",
        )


def _without_rows(source: Survey) -> Iterable[Finding]:
    names = source.names
    if names["unlogged"]:
        yield _harms(
            "unlogged tables",
            f"unlogged, so that they arrive empty: {_list(names['unlogged'])}",
            "ALTER TABLE ... SET LOGGED for those that matter",
        )
    if names["foreign_tables"]:
        yield _harms(
            "foreign tables",
            f"foreign tables move without their rows: {_list(names['foreign_tables'])}",
            "see that the target reaches their servers",
        )
    for kind, question, what in (
        ("sequences", "sequences", "the cutover sets them, with headroom"),
        ("generated columns", "generated", "the target computes them anew; the verification compares them"),
        ("materialized views", "materialized_views", "they are filled after the copy, and older from then on"),
    ):
        if names[question]:
            yield Finding(kind=kind, weight="note", found=f"{len(names[question])}: {_list(names[question])}", fix=what)


def _contents(source: Survey, target: Survey) -> Iterable[Finding]:
    lacking = sorted(set(source.names["extensions"]) - set(target.names["available_extensions"]))
    if lacking:
        yield _stops(
            "extensions",
            f"the target's server does not have {_list(lacking)}",
            "install them there, or DROP EXTENSION on the source",
        )
    if source.encoding != target.encoding:
        yield _stops(
            "encoding",
            f"the source is {source.encoding}, the target {target.encoding}",
            f"create the target WITH TEMPLATE template0 ENCODING '{source.encoding}'",
        )
    if (source.collate, source.ctype) != (target.collate, target.ctype):
        yield _harms(
            "collation",
            f"the source sorts by {source.collate}/{source.ctype}, the target by {target.collate}/{target.ctype}",
            f"create the target WITH TEMPLATE template0 LC_COLLATE '{source.collate}' LC_CTYPE '{source.ctype}'",
        )
    elif (source.collation_version or "") != (target.collation_version or ""):
        yield _harms(
            "collation",
            f"the rules of {source.collate} are version {source.collation_version} on the source,"
            f" {target.collation_version} on the target",
            "look at queries that sort; the indexes are built anew on the target, after its own rules",
        )
    yield Finding(
        kind="disk space",
        weight="note",
        found=f"the target needs {size(source.bytes)}, and as much again while indexes are built and WAL is kept;"
        " what is free is unmeasured: PostgreSQL does not tell",
        fix="look at FreeStorageSpace of the instance in CloudWatch, or at df on the server",
    )


def _already_there(source: Survey, target: Survey) -> Iterable[Finding]:
    if source.migration or target.migration:
        known = source.migration or target.migration
        assert known is not None  # noqa: S101 - for the type checker
        yield _stops(
            "migration",
            f"one is under way, from {known.source_place} to {known.target_place}",
            "resume it with `dr migrate start`, or end it with `dr migrate abort`, with its own ends",
        )
    elif target.names["objects"]:
        yield _stops(
            "target",
            f"the target is not empty: {_list(target.names['objects'])}",
            "give an empty database: DROP DATABASE and CREATE DATABASE it, if nothing in it matters",
        )


def _stops(kind: str, found: str, fix: str) -> Finding:
    return Finding(kind=kind, weight="stops", found=found, fix=fix)


def _harms(kind: str, found: str, fix: str) -> Finding:
    return Finding(kind=kind, weight="harms", found=found, fix=fix)


def _list(names: Iterable[str]) -> str:
    listed = list(names)
    more = len(listed) - _MOST_NAMED
    return ", ".join(listed[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


def size(number: int) -> str:
    """Bytes for a person."""
    value = float(number)
    for unit in ("B", "KiB", "MiB"):
        if value < 1024:
            return f"{value:.0f} {unit}"
        value /= 1024
    return f"{value:.1f} GiB"

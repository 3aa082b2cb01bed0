"""The evidence of what a command did, kept in the environment's chain: `dr status` reads measurements nowhere else."""

from botocore.exceptions import BotoCoreError, ClientError

from operations.aws import client
from recovery.evidence import Evidence
from recovery.evidence.bucket import EvidenceBucket
from recovery.evidence.chain import keep, record_key, seal
from recovery.evidence.page import page_of
from recovery.names import Names


def keep_evidence(names: Names, name: str, made: Evidence) -> str | None:
    """Keep the record; its name, or None where that is not possible, which undoes nothing of what was done."""
    store = EvidenceBucket(client("s3", names.recovery_region), names.evidence_bucket_name)
    database = names.instance_identifier
    try:
        stands, _ = keep(store, record_key(database, name), made)
        seal(store, database, record_key(database, name), lambda: page_of(stands))
    except (ClientError, BotoCoreError):
        return None
    return name


def where_kept(name: str | None) -> str:
    """One line for a person."""
    return f"evidence {name}" if name else "no evidence was kept: the evidence bucket cannot be written to"

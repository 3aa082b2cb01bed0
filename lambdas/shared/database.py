"""Sign-in to RDS: over TLS with RDS's own roots, with an IAM token in place of a password."""

from typing import Literal

from psycopg.conninfo import make_conninfo

from lambdas.certificates import RDS_ROOTS
from lambdas.shared.aws import rds
from recovery.database import Connection, connect

Tls = Literal["verify-full", "disable"]


def sign_in_with_iam(*, host: str, port: int, database: str, role: str, tls: Tls, application_name: str) -> Connection:
    """Connect as ``role``, a member of rds_iam, to an instance in this function's own region.

    The token is signed locally, without a call to AWS. Raises recovery.database.UnreachableError.
    """
    token = rds().generate_db_auth_token(DBHostname=host, Port=port, DBUsername=role)
    return sign_in(
        host=host, port=port, database=database, role=role, password=token, tls=tls, application_name=application_name
    )


def sign_in(
    *, host: str, port: int, database: str, role: str, password: str, tls: Tls, application_name: str
) -> Connection:
    """Connect as ``role`` with a password. Raises recovery.database.UnreachableError."""
    dsn = make_conninfo("", host=host, port=port, dbname=database, user=role, password=password, sslmode=tls)
    if tls == "verify-full":
        dsn = make_conninfo(dsn, sslrootcert=str(RDS_ROOTS))
    return connect(dsn, application_name=application_name)

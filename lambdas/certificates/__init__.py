"""The roots of the certificates that RDS's servers show; a package, so that they travel with whoever signs in."""

from pathlib import Path

RDS_ROOTS = Path(__file__).with_name("rds.pem")

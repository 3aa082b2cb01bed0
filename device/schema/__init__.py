"""DuskSpendr's own database: its published versions, the steps between them, what it holds.

The version is SQLite's ``user_version``. Any other application's database is *foreign*: it is backed up as it is, and
never migrated.
"""

from device.schema.identity import TABLES, is_empty, row_counts, version_of
from device.schema.migration import current_version, migrate

__all__ = ["TABLES", "current_version", "is_empty", "migrate", "row_counts", "version_of"]

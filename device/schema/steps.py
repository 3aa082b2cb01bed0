"""One step forward from each version but the newest. Foreign keys are off while a step runs."""

import sqlite3
import uuid
from collections.abc import Callable
from dataclasses import dataclass

from device.schema.published import BUDGETS, BY_CATEGORY, BY_OCCURRENCE, CATEGORIES, TRANSACTIONS_3


@dataclass(frozen=True)
class Step:
    """What changes from one version to the next."""

    title: str
    run: Callable[[sqlite3.Connection], None]


def _add_payment_columns(connection: sqlite3.Connection) -> None:
    connection.execute("ALTER TABLE transactions ADD COLUMN payment_method TEXT")
    connection.execute("ALTER TABLE transactions ADD COLUMN source TEXT NOT NULL DEFAULT 'manual'")
    connection.execute("ALTER TABLE transactions ADD COLUMN tags TEXT NOT NULL DEFAULT '[]'")


def _give_categories_a_table(connection: sqlite3.Connection) -> None:
    connection.execute(CATEGORIES)
    names = connection.execute("SELECT category, min(created_at) FROM transactions GROUP BY category").fetchall()
    categories = [(str(uuid.uuid4()), name, created_at) for name, created_at in names]
    connection.executemany("INSERT INTO categories (id, name, created_at) VALUES (?, ?, ?)", categories)
    connection.execute(BUDGETS)
    # SQLite cannot alter a column into a reference: https://sqlite.org/lang_altertable.html, "Making Other Kinds"
    connection.execute(TRANSACTIONS_3.replace("CREATE TABLE transactions", "CREATE TABLE transactions_new"))
    connection.execute(
        """
        INSERT INTO transactions_new (id, account_id, type, amount_paisa, category_id, merchant, description,
            payment_method, source, tags, occurred_at, created_at, updated_at)
        SELECT t.id, t.account_id, t.type, t.amount_paisa, c.id, t.merchant, t.description,
            t.payment_method, t.source, t.tags, t.occurred_at, t.created_at, t.updated_at
        FROM transactions t JOIN categories c ON c.name = t.category
        ORDER BY t.rowid
        """
    )
    connection.execute("DROP TABLE transactions")
    connection.execute("ALTER TABLE transactions_new RENAME TO transactions")
    connection.execute(BY_OCCURRENCE)
    connection.execute(BY_CATEGORY)


# By the version that a step starts from.
STEPS = {
    1: Step("transactions say how they were paid and where they came from", _add_payment_columns),
    2: Step("categories have a table, and budgets", _give_categories_a_table),
}

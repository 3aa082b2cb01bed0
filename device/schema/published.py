"""The schema of every version that was released, as a new installation of it creates it.

Money is an integer in paisa; moments are milliseconds since 1970-01-01 UTC; keys are UUIDs as text; ``tags`` is a JSON
array. A released version never changes: what comes after it is a new version and a step in ``steps.py``.
"""

_ACCOUNTS = """
CREATE TABLE accounts (
    id TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    institution TEXT,
    balance_paisa INTEGER,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
)"""

_TRANSACTIONS_1 = """
CREATE TABLE transactions (
    id TEXT NOT NULL PRIMARY KEY,
    account_id TEXT REFERENCES accounts (id),
    type TEXT NOT NULL CHECK (type IN ('debit', 'credit')),
    amount_paisa INTEGER NOT NULL,
    category TEXT NOT NULL,
    merchant TEXT,
    description TEXT,
    occurred_at INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
)"""

# Its new columns stand last, as ALTER TABLE leaves them on a phone that was updated.
_TRANSACTIONS_2 = _TRANSACTIONS_1.removesuffix("\n)") + (
    """,
    payment_method TEXT,
    source TEXT NOT NULL DEFAULT 'manual',
    tags TEXT NOT NULL DEFAULT '[]'
)"""
)

TRANSACTIONS_3 = """
CREATE TABLE transactions (
    id TEXT NOT NULL PRIMARY KEY,
    account_id TEXT REFERENCES accounts (id),
    type TEXT NOT NULL CHECK (type IN ('debit', 'credit')),
    amount_paisa INTEGER NOT NULL,
    category_id TEXT NOT NULL REFERENCES categories (id),
    merchant TEXT,
    description TEXT,
    payment_method TEXT,
    source TEXT NOT NULL DEFAULT 'manual',
    tags TEXT NOT NULL DEFAULT '[]',
    occurred_at INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
)"""

CATEGORIES = """
CREATE TABLE categories (
    id TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    created_at INTEGER NOT NULL
)"""

BUDGETS = """
CREATE TABLE budgets (
    id TEXT NOT NULL PRIMARY KEY,
    category_id TEXT REFERENCES categories (id),
    name TEXT NOT NULL,
    limit_paisa INTEGER NOT NULL,
    period TEXT NOT NULL CHECK (period IN ('daily', 'weekly', 'monthly')),
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
)"""

BY_OCCURRENCE = "CREATE INDEX transactions_by_occurrence ON transactions (occurred_at)"
BY_CATEGORY = "CREATE INDEX transactions_by_category ON transactions (category_id, occurred_at)"

PUBLISHED: dict[int, tuple[str, ...]] = {
    1: (_ACCOUNTS, _TRANSACTIONS_1, BY_OCCURRENCE),
    2: (_ACCOUNTS, _TRANSACTIONS_2, BY_OCCURRENCE),
    3: (_ACCOUNTS, CATEGORIES, TRANSACTIONS_3, BUDGETS, BY_OCCURRENCE, BY_CATEGORY),
}

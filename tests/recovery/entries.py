"""A table of entries in the order of their creation, large enough to be divided."""

ROWS = 3000
TABLE = f"""
CREATE TABLE entries (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    body text NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);
INSERT INTO entries (body, created_at, updated_at)
SELECT 'entry ' || n, t, t FROM generate_series(1, {ROWS}) n,
LATERAL (SELECT now() - interval '100 days' + n * interval '45 minutes' AS t);
ANALYZE entries;
"""
FIRST = "(SELECT id FROM entries ORDER BY ctid LIMIT 1)"
LAST = "(SELECT id FROM entries ORDER BY ctid DESC LIMIT 1)"

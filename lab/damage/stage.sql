-- What a grown product has beside its first tables: a second schema, a partitioned ledger, types of its own, large
-- values, row security, grants to the app, and a copy of a table that somebody left behind.
CREATE SCHEMA ledger;
CREATE EXTENSION pg_trgm;

CREATE TYPE ledger.entry_kind AS ENUM ('purchase', 'refund', 'fee');
CREATE DOMAIN ledger.paisa AS bigint CHECK (VALUE BETWEEN -1000000000000 AND 1000000000000);
CREATE COLLATION ledger.names (provider = builtin, locale = 'PG_UNICODE_FAST');
CREATE SEQUENCE ledger.receipt_numbers START 1000;

CREATE TABLE ledger.currencies (
    code text PRIMARY KEY,
    name text NOT NULL,
    paisa_a_unit numeric NOT NULL
);

CREATE TABLE ledger.entries (
    id bigint GENERATED ALWAYS AS IDENTITY,
    user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    booked_on date NOT NULL,
    kind ledger.entry_kind NOT NULL DEFAULT 'purchase',
    amount ledger.paisa NOT NULL,
    currency text NOT NULL DEFAULT 'INR' REFERENCES ledger.currencies,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (id, booked_on)
) PARTITION BY RANGE (booked_on);
CREATE TABLE ledger.entries_2026_q1 PARTITION OF ledger.entries FOR VALUES FROM ('2026-01-01') TO ('2026-04-01');
CREATE TABLE ledger.entries_2026_q2 PARTITION OF ledger.entries FOR VALUES FROM ('2026-04-01') TO ('2026-07-01');
CREATE TABLE ledger.entries_other PARTITION OF ledger.entries DEFAULT;

CREATE TABLE ledger.statements (
    number bigserial PRIMARY KEY,
    user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    month date NOT NULL,
    document bytea NOT NULL,
    size int GENERATED ALWAYS AS (length(document)) STORED,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (user_id, month)
);
ALTER TABLE ledger.statements ALTER document SET STORAGE EXTERNAL;
ALTER TABLE ledger.statements ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_statements ON ledger.statements FOR SELECT USING (user_id::text = current_setting('app.user', true));

CREATE INDEX users_name ON users (name COLLATE ledger.names);
CREATE INDEX transactions_merchant ON transactions USING gin (merchant gin_trgm_ops);
CREATE TRIGGER touch BEFORE UPDATE ON ledger.entries FOR EACH ROW EXECUTE FUNCTION touch_updated_at();
CREATE TRIGGER touch BEFORE UPDATE ON ledger.statements FOR EACH ROW EXECUTE FUNCTION touch_updated_at();
CREATE FUNCTION ledger.balance(uuid) RETURNS bigint LANGUAGE sql STABLE
    RETURN (SELECT sum(amount) FROM ledger.entries WHERE user_id = $1);

GRANT USAGE ON SCHEMA ledger TO api;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public, ledger TO api;
GRANT SELECT ON monthly_spending TO reporting;
ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO reporting;

INSERT INTO ledger.currencies VALUES ('INR', 'Indian rupee', 100), ('USD', 'US dollar', 8850.00), ('SGD', 'S$', 6800);

INSERT INTO ledger.entries (user_id, booked_on, kind, amount, created_at, updated_at)
SELECT id, '2026-01-01'::date + n % 240, (enum_range(NULL::ledger.entry_kind))[1 + n % 3], 100 * n, created_at, created_at
FROM (SELECT id, created_at, (row_number() OVER ())::int AS n FROM users) AS people;

INSERT INTO ledger.statements (user_id, month, document, created_at, updated_at)
SELECT id, '2026-01-01', decode(repeat(encode(sha256(id::text::bytea), 'hex'), 100), 'hex'), created_at, created_at
FROM users LIMIT 60;

UPDATE users SET name = 'छात्र ' || name WHERE phone LIKE '%7';
UPDATE transactions SET merchant = 'चाय की दुकान' WHERE merchant LIKE '%11';

CREATE SCHEMA archive;
CREATE TABLE archive.linked_accounts AS TABLE linked_accounts;
CREATE MATERIALIZED VIEW archive.spenders AS SELECT user_id, sum(amount_paisa) AS spent FROM transactions GROUP BY 1;

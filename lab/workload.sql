-- DuskSpendr's backend tables, as the product's own migrations create them: UUID keys, cascading user_id foreign keys,
-- money in paisa, change columns kept by triggers.
CREATE FUNCTION touch_updated_at() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.updated_at := now();
    RETURN NEW;
END $$;

CREATE TABLE users (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    phone text NOT NULL UNIQUE,
    name text NOT NULL,
    college text,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE auth_otps (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    code_hash bytea NOT NULL,
    expires_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE sessions (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    refresh_token_hash bytea NOT NULL,
    expires_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE linked_accounts (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    provider text NOT NULL CHECK (provider IN ('bank', 'upi', 'card', 'wallet')),
    label text NOT NULL,
    balance_paisa bigint NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX linked_accounts_user ON linked_accounts (user_id);

CREATE TABLE transactions (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    account_id uuid REFERENCES linked_accounts ON DELETE SET NULL,
    kind text NOT NULL CHECK (kind IN ('debit', 'credit')),
    amount_paisa bigint NOT NULL CHECK (amount_paisa > 0),
    category text NOT NULL,
    merchant text,
    description text NOT NULL DEFAULT '',
    tags jsonb NOT NULL DEFAULT '[]',
    occurred_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX transactions_user_time ON transactions (user_id, occurred_at DESC);
CREATE INDEX transactions_tags ON transactions USING gin (tags);

CREATE TABLE budgets (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    category text NOT NULL,
    period text NOT NULL CHECK (period IN ('weekly', 'monthly', 'yearly')),
    limit_paisa bigint NOT NULL CHECK (limit_paisa > 0),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (user_id, category, period)
);

CREATE TRIGGER touch BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION touch_updated_at();
CREATE TRIGGER touch BEFORE UPDATE ON linked_accounts FOR EACH ROW EXECUTE FUNCTION touch_updated_at();
CREATE TRIGGER touch BEFORE UPDATE ON transactions FOR EACH ROW EXECUTE FUNCTION touch_updated_at();
CREATE TRIGGER touch BEFORE UPDATE ON budgets FOR EACH ROW EXECUTE FUNCTION touch_updated_at();

CREATE VIEW monthly_spending AS
SELECT user_id, date_trunc('month', occurred_at, 'Asia/Kolkata') AS month, category, sum(amount_paisa) AS spent_paisa
FROM transactions WHERE kind = 'debit' GROUP BY 1, 2, 3;

# ruff: noqa: S608 - the statements are made of constants of the lab
"""Damage to objects: what holds the rows, guards them and lets the app at them."""

from lab.damage.kinds import Group, Patient
from lab.damage.stage import OWNER

OBJECTS = Group("Objects", "What holds the rows, guards them and lets the app at them.")


@OBJECTS.add(check="schema", seen="The budgets screen fails.")
def lost_table(patient: Patient) -> None:
    """A table is gone with its rows."""
    patient.run("DROP TABLE budgets")


@OBJECTS.add(check="schema", seen="Purchases without merchants, and an app that fails to write new ones.")
def lost_column(patient: Patient) -> None:
    """A column is gone with its values."""
    patient.run("ALTER TABLE transactions DROP COLUMN merchant")


@OBJECTS.add(check="schema", seen="Nothing, until an amount exceeds 21 474 836.47 rupees.")
def changed_type(patient: Patient) -> None:
    """A bigint column of money is an integer."""
    patient.run("ALTER TABLE budgets ALTER limit_paisa TYPE integer")


@OBJECTS.add(check="schema", seen="New purchases without a description fail.")
def lost_default(patient: Patient) -> None:
    """A column has lost its default."""
    patient.run("ALTER TABLE transactions ALTER description DROP DEFAULT")


@OBJECTS.add(check="schema", seen="Nothing, until the app writes an empty name.")
def lost_not_null(patient: Patient) -> None:
    """A required column is optional."""
    patient.run("ALTER TABLE users ALTER name DROP NOT NULL")


@OBJECTS.add(check="schema", seen="New ledger entries fail: they have no number.")
def lost_identity(patient: Patient) -> None:
    """An identity column is a plain one."""
    patient.run("ALTER TABLE ledger.entries ALTER id DROP IDENTITY")


@OBJECTS.add(check="schema", seen="Sizes of new statements stay empty.")
def lost_generation(patient: Patient) -> None:
    """A generated column keeps its values and generates no more."""
    patient.run("ALTER TABLE ledger.statements ALTER size DROP EXPRESSION")


@OBJECTS.add(check="schema", seen="A student's list takes seconds instead of milliseconds.")
def dropped_index(patient: Patient) -> None:
    """An index is gone."""
    patient.run("DROP INDEX transactions_user_time")


@OBJECTS.add(check="storage", seen="A student's list takes seconds, and the index is there.")
def invalid_index(patient: Patient) -> None:
    """An index is marked invalid, as after a CREATE INDEX CONCURRENTLY that broke off."""
    patient.run("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'transactions_user_time'::regclass")


@OBJECTS.add(check="schema", seen="Nothing, until the app writes a negative amount.")
def lost_check_constraint(patient: Patient) -> None:
    """A check constraint is gone."""
    patient.run("ALTER TABLE transactions DROP CONSTRAINT transactions_amount_paisa_check")


@OBJECTS.add(check="schema", seen="Nothing, until a user is deleted and the sessions stay.")
def lost_foreign_key(patient: Patient) -> None:
    """A foreign key is gone."""
    patient.run("ALTER TABLE sessions DROP CONSTRAINT sessions_user_id_fkey")


@OBJECTS.add(check="schema", seen="Nothing: old rows were never looked at.")
def constraint_not_validated(patient: Patient) -> None:
    """A foreign key was added again as NOT VALID, and nobody validated it."""
    patient.run(
        "ALTER TABLE sessions DROP CONSTRAINT sessions_user_id_fkey",
        "ALTER TABLE sessions ADD CONSTRAINT sessions_user_id_fkey FOREIGN KEY (user_id) REFERENCES users"
        " ON DELETE CASCADE NOT VALID",
    )


@OBJECTS.add(check="schema", seen="Two accounts with one phone number, some day.")
def lost_unique_constraint(patient: Patient) -> None:
    """A unique constraint is gone, with its index."""
    patient.run("ALTER TABLE users DROP CONSTRAINT users_phone_key")


@OBJECTS.add(check="schema", seen="Edits no longer reach other devices: their change time stands still.")
def disabled_trigger(patient: Patient) -> None:
    """The trigger that keeps the change time is disabled, as some loaders leave it."""
    patient.run("ALTER TABLE transactions DISABLE TRIGGER touch")


@OBJECTS.add(check="schema", seen="Edits no longer reach other devices.")
def lost_trigger(patient: Patient) -> None:
    """The trigger that keeps the change time is gone."""
    patient.run("DROP TRIGGER touch ON budgets")


@OBJECTS.add(check="schema", seen="Change times are of the transaction's end instead of its beginning.")
def changed_function(patient: Patient) -> None:
    """A function has the body of another version."""
    patient.run(
        "CREATE OR REPLACE FUNCTION touch_updated_at() RETURNS trigger LANGUAGE plpgsql AS"
        " 'BEGIN NEW.updated_at := clock_timestamp(); RETURN NEW; END'"
    )


@OBJECTS.add(check="schema", seen="The monthly overview fails.")
def lost_view(patient: Patient) -> None:
    """A view is gone."""
    patient.run("DROP VIEW monthly_spending")


@OBJECTS.add(check="schema", seen="Purchases at the end of a month count for the wrong one.")
def changed_view(patient: Patient) -> None:
    """A view has the text of another version: months are UTC's."""
    patient.run(
        "CREATE OR REPLACE VIEW monthly_spending AS SELECT user_id, date_trunc('month', occurred_at) AS month,"
        " category, sum(amount_paisa) AS spent_paisa FROM transactions WHERE kind = 'debit' GROUP BY 1, 2, 3"
    )


@OBJECTS.add(check="schema", seen="Reports fail: the materialized view has not been populated.")
def unpopulated_materialized_view(patient: Patient) -> None:
    """A materialized view is there and was never filled."""
    patient.run("REFRESH MATERIALIZED VIEW archive.spenders WITH NO DATA")


@OBJECTS.add(check="schema", seen="New receipts get no number.")
def lost_sequence(patient: Patient) -> None:
    """A sequence is gone."""
    patient.run("DROP SEQUENCE ledger.receipt_numbers")


@OBJECTS.add(check="schema", seen="A quarter's entries are missing, and new ones go to the default partition.")
def missing_partition(patient: Patient) -> None:
    """A partition is gone with its rows."""
    patient.run("DROP TABLE ledger.entries_2026_q2")


@OBJECTS.add(check="schema", seen="A quarter's entries are missing from the ledger, and sit in a table beside it.")
def detached_partition(patient: Patient) -> None:
    """A partition is a table of its own."""
    patient.run("ALTER TABLE ledger.entries DETACH PARTITION ledger.entries_2026_q1")


@OBJECTS.add(check="schema", seen="Fees cannot be booked.")
def lost_enum_value(patient: Patient) -> None:
    """A type of the product knows one value less."""
    patient.run("UPDATE pg_enum SET enumlabel = 'charge' WHERE enumlabel = 'fee'")


@OBJECTS.add(check="schema", seen="Nothing, until an impossible amount is booked.")
def lost_domain_constraint(patient: Patient) -> None:
    """A domain has lost its check."""
    patient.run("ALTER DOMAIN ledger.paisa DROP CONSTRAINT paisa_check")


@OBJECTS.add(check="schema", seen="Budgets are gone after the next crash.")
def unlogged_table(patient: Patient) -> None:
    """A table is unlogged, as bulk loaders make it for speed."""
    patient.run("ALTER TABLE budgets SET UNLOGGED")


@OBJECTS.add(check="schema", seen="The app gets 'permission denied' for its transactions.")
def lost_grant(patient: Patient) -> None:
    """The app's role may no longer read a table."""
    patient.run("REVOKE SELECT ON transactions FROM api")


@OBJECTS.add(check="schema", seen="Nothing; and everybody may read the sessions.")
def widened_grant(patient: Patient) -> None:
    """A table of secrets is open to every role."""
    patient.run("GRANT SELECT ON sessions TO PUBLIC")


@OBJECTS.add(check="schema", seen="Reports on tables made next month are denied.")
def lost_default_privileges(patient: Patient) -> None:
    """New tables no longer come with their grant."""
    patient.run(f"ALTER DEFAULT PRIVILEGES FOR ROLE {OWNER} REVOKE SELECT ON TABLES FROM reporting")


@OBJECTS.add(check="schema", seen="The app cannot sign in.", on="server")
def lost_role(patient: Patient) -> None:
    """The app's role is gone: roles belong to the cluster, and a logical copy of a database does not bring them."""
    patient.run("DROP OWNED BY api", "DROP ROLE api")


@OBJECTS.add(check="schema", seen="The app cannot sign in.", on="server")
def role_that_may_not_sign_in(patient: Patient) -> None:
    """The app's role has lost LOGIN."""
    patient.run("ALTER ROLE api NOLOGIN")


@OBJECTS.add(check="schema", seen="Nothing; and the app may do everything.", on="server")
def promoted_role(patient: Patient) -> None:
    """The app's role is a superuser, as somebody in a hurry makes it."""
    patient.run("ALTER ROLE api SUPERUSER")


@OBJECTS.add(check="schema", seen="The app may no longer read the overview.", on="server")
def lost_membership(patient: Patient) -> None:
    """The app's role is no longer a member of the one that may read reports."""
    patient.run("REVOKE reporting FROM api")


@OBJECTS.add(check="schema", seen="Migrations fail: the owner may not change the table.")
def wrong_owner(patient: Patient) -> None:
    """A table belongs to the administrator who restored it."""
    patient.run("ALTER TABLE budgets OWNER TO postgres")


@OBJECTS.add(check="schema", seen="Search for merchants takes seconds.")
def missing_extension(patient: Patient) -> None:
    """An extension is gone, and the indexes that need it with it."""
    patient.run("DROP EXTENSION pg_trgm CASCADE")


@OBJECTS.add(check="schema", seen="Search for merchants answers as an older release does.")
def other_extension_version(patient: Patient) -> None:
    """An extension is of another version."""
    patient.run("UPDATE pg_extension SET extversion = '1.3' WHERE extname = 'pg_trgm'")


@OBJECTS.add(check="schema", seen="Names sort differently.")
def changed_collation(patient: Patient) -> None:
    """A column sorts by another collation."""
    patient.run('ALTER TABLE users ALTER name TYPE text COLLATE "POSIX"')


@OBJECTS.add(check="schema", seen="A search by name misses names: the server's library sorts otherwise than the index.")
def other_collation_version(patient: Patient) -> None:
    """A collation is of another version of the library that defines it."""
    patient.run("UPDATE pg_collation SET collversion = '0' WHERE collname = 'names'")


@OBJECTS.add(check="schema", seen="Nothing; and students may read each other's statements.")
def row_security_off(patient: Patient) -> None:
    """Row security of a table is switched off."""
    patient.run("ALTER TABLE ledger.statements DISABLE ROW LEVEL SECURITY")


@OBJECTS.add(check="schema", seen="Nobody sees a statement any more.")
def lost_policy(patient: Patient) -> None:
    """A table has row security and no policy left."""
    patient.run("DROP POLICY own_statements ON ledger.statements")


@OBJECTS.add(check="schema", seen="Nothing; and a stranger's table lies among the product's.")
def added_table(patient: Patient) -> None:
    """A table that the source never had."""
    patient.run("CREATE TABLE public.exported AS SELECT phone, name FROM users LIMIT 10")


@OBJECTS.add(check="schema", seen="Every connection works in another schema.")
def changed_database_setting(patient: Patient) -> None:
    """The database has a setting of its own that the source does not have."""
    patient.run("ALTER DATABASE duskspendr SET search_path = archive, public")

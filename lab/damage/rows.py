# ruff: noqa: S608 - the statements are made of constants of the lab
"""Damage to rows: lost, changed, moved, doubled, added."""

from lab.damage.kinds import Group, Patient

ROWS = Group("Rows", "What the tables hold: lost, changed, moved, doubled, added, with a schema that is as it was.")

OLD = "(SELECT id FROM transactions WHERE updated_at < now() - interval '60 days' ORDER BY id LIMIT 1)"
OTHER_OLD = "(SELECT id FROM transactions WHERE updated_at < now() - interval '60 days' ORDER BY id DESC LIMIT 1)"
# A user whom nothing has touched for months.
QUIET_USER = "(SELECT id FROM users WHERE updated_at < now() - interval '60 days' ORDER BY id LIMIT 1)"


@ROWS.add(check="content", seen="One purchase of spring is missing from a student's list, and nobody looks there.")
def lost_old_row(patient: Patient) -> None:
    """One transaction that is months old is gone."""
    patient.run(f"DELETE FROM transactions WHERE id = {OLD}")


@ROWS.add(check="content", seen="The purchases of the last days are missing, as after a dump that broke off.")
def lost_newest_rows(patient: Patient) -> None:
    """The newest transactions that the manifest has settled are gone: a truncated tail."""
    patient.run(
        "DELETE FROM transactions WHERE id IN (SELECT id FROM transactions"
        " WHERE created_at < now() - interval '1 hour' ORDER BY created_at DESC LIMIT 40)"
    )


@ROWS.add(check="content", seen="A student is gone with all purchases, and nothing points at nothing.")
def lost_user_with_all_that_is_theirs(patient: Patient) -> None:
    """One user is deleted, and the cascade takes accounts, transactions and budgets along."""
    patient.run(f"DELETE FROM users WHERE id = {QUIET_USER}")


@ROWS.add(check="content", seen="An empty list of budgets.")
def emptied_table(patient: Patient) -> None:
    """A whole table is truncated; its definition stays."""
    patient.run("TRUNCATE budgets")


@ROWS.add(check="content", seen="One entry of the ledger's first quarter is missing.")
def lost_row_of_a_partition(patient: Patient) -> None:
    """One row of one partition is gone."""
    patient.run("DELETE FROM ledger.entries_2026_q1 WHERE id = (SELECT min(id) FROM ledger.entries_2026_q1)")


@ROWS.add(check="content", status="not_proven", seen="Prices in one currency cannot be shown.")
def lost_row_of_a_table_without_times(patient: Patient) -> None:
    """A row of a reference table that records no times is gone."""
    patient.run("DELETE FROM ledger.currencies WHERE code = 'SGD'")


@ROWS.add(check="content", seen="A purchase of months ago costs a paisa more.")
def changed_amount(patient: Patient) -> None:
    """One amount differs by one paisa, and its change time says that nobody touched it."""
    patient.silently(f"UPDATE transactions SET amount_paisa = amount_paisa + 1 WHERE id = {OLD}")


@ROWS.add(
    check="content", seen="Somebody is 43 million rupees richer, and a hash join takes both balances for the same."
)
def changed_balance_that_hashes_alike(patient: Patient) -> None:
    """A bit of each half of one balance is flipped, which PostgreSQL's own hash of a bigint folds away."""
    patient.silently(
        "UPDATE linked_accounts SET balance_paisa = balance_paisa # 4294967297"
        " WHERE id = (SELECT min(id::text)::uuid FROM linked_accounts)"
    )


@ROWS.add(check="content", seen="A purchase has lost its tags: they are two brackets too deep.")
def nested_tags_that_hash_alike(patient: Patient) -> None:
    """One row's jsonb lies in two more arrays, which PostgreSQL's own hash of a jsonb cancels out."""
    patient.silently(f"UPDATE transactions SET tags = jsonb_build_array(jsonb_build_array(tags)) WHERE id = {OLD}")


@ROWS.add(check="content", seen="Two students see each other's amounts; count, sum and average are as before.")
def swapped_amounts(patient: Patient) -> None:
    """The amounts of two rows are swapped."""
    patient.silently(
        f"""
        UPDATE transactions AS t SET amount_paisa = o.amount_paisa FROM transactions AS o
        WHERE (t.id, o.id) IN (({OLD}, {OTHER_OLD}), ({OTHER_OLD}, {OLD}))
        """
    )


@ROWS.add(check="content", seen="A rupee has moved from one account to another; the bank's total is as before.")
def moved_money(patient: Patient) -> None:
    """An amount moves from one account to another, so that every sum is preserved."""
    patient.silently(
        """
        UPDATE linked_accounts SET balance_paisa = balance_paisa + CASE id WHEN ends.first THEN 100 ELSE -100 END
        FROM (SELECT (array_agg(id ORDER BY id))[1] AS first, (array_agg(id ORDER BY id))[2] AS second
              FROM linked_accounts WHERE updated_at < now() - interval '60 days') AS ends
        WHERE id IN (ends.first, ends.second)
        """
    )


@ROWS.add(check="content", seen="A purchase is listed under another student.")
def row_given_to_another_user(patient: Patient) -> None:
    """A transaction and its account change their owner, consistently."""
    patient.silently(
        f"""
        UPDATE transactions SET (user_id, account_id) = (SELECT user_id, id FROM linked_accounts
            WHERE user_id <> transactions.user_id ORDER BY id LIMIT 1) WHERE id = {OLD}
        """
    )


@ROWS.add(check="content", seen="A total is right in PostgreSQL's list and too high in the app's.")
def doubled_row(patient: Patient) -> None:
    """A row is there twice, both times under its own key, because its index slept meanwhile."""
    patient.silently(
        "UPDATE pg_index SET indisready = false WHERE indrelid = 'transactions'::regclass",
        f"INSERT INTO transactions SELECT * FROM transactions WHERE id = {OLD}",
        "UPDATE pg_index SET indisready = true WHERE indrelid = 'transactions'::regclass",
    )


@ROWS.add(check="content", seen="A purchase appears twice, under two keys.")
def copied_row(patient: Patient) -> None:
    """A row is there a second time under a new key, with its old times."""
    patient.run(
        f"""
        INSERT INTO transactions (user_id, kind, amount_paisa, category, occurred_at, created_at, updated_at)
        SELECT user_id, kind, amount_paisa, category, occurred_at, created_at, updated_at
        FROM transactions WHERE id = {OLD}
        """
    )


@ROWS.add(check="content", seen="Somebody is signed in who never signed in.")
def invented_session(patient: Patient) -> None:
    """A session is added to a table that may lose rows, with the times of an old one."""
    patient.run(
        "INSERT INTO sessions (user_id, refresh_token_hash, expires_at, created_at)"
        " SELECT user_id, sha256('stolen'), expires_at, created_at FROM sessions LIMIT 1"
    )


@ROWS.add(check="content", seen="Nothing, until a synchronisation asks for what changed since yesterday.")
def change_time_moved_back(patient: Patient) -> None:
    """The change time of one row is a day earlier."""
    patient.silently(f"UPDATE users SET updated_at = updated_at - interval '1 day' WHERE id = {QUIET_USER}")


@ROWS.add(check="content", seen="A purchase of months ago counts as one of today.")
def forged_creation_time(patient: Patient) -> None:
    """The creation time of an old row says that it was made a moment ago."""
    patient.silently(
        f"UPDATE transactions SET (created_at, updated_at) = ({patient.moment}, {patient.moment}) WHERE id = {OLD}"
    )


@ROWS.add(check="content", seen="An account's balance differs, and its change time explains it.")
def written_to_after_the_restore(patient: Patient) -> None:
    """Somebody has edited a row of the copy, in the product's own way, change time and all."""
    patient.run(
        "UPDATE linked_accounts SET balance_paisa = 0 WHERE id = (SELECT min(id::text)::uuid FROM linked_accounts)"
    )


@ROWS.add(check="content", seen="One student has to sign in again.")
def flipped_bit_of_a_bytea(patient: Patient) -> None:
    """One bit of one session's token hash is flipped."""
    patient.run(
        "UPDATE sessions SET refresh_token_hash = set_bit(refresh_token_hash, 3, 1 - get_bit(refresh_token_hash, 3))"
        " WHERE id = (SELECT id FROM sessions ORDER BY id LIMIT 1)"
    )


@ROWS.add(check="content", seen="One letter of one name is another one.")
def flipped_bit_of_a_text(patient: Patient) -> None:
    """One bit of one user's name is flipped: Student becomes Rtudent."""
    patient.silently(
        "UPDATE users SET name = overlay(name PLACING 'R' FROM strpos(name, 'S') FOR 1)"
        " WHERE id = (SELECT id FROM users WHERE updated_at < now() - interval '60 days' ORDER BY id LIMIT 1)"
    )


@ROWS.add(check="content", seen="A purchase no longer answers to its tag.")
def changed_json(patient: Patient) -> None:
    """One tag in one jsonb value is another."""
    patient.silently(f"UPDATE transactions SET tags = '[\"tag9\"]' WHERE id = {OLD}")


@ROWS.add(check="content", seen="Names in Devanagari read as accented Latin letters without sense.")
def wrong_encoding(patient: Patient) -> None:
    """Text that is not ASCII was loaded in the wrong encoding."""
    patient.silently(
        "UPDATE users SET name = convert_from(convert_to(name, 'UTF8'), 'LATIN1')"
        " WHERE octet_length(name) > length(name)"
    )


@ROWS.add(check="content", seen="Every purchase happened five and a half hours later.")
def lost_time_zone(patient: Patient) -> None:
    """Times were written without their zone and read in India's."""
    patient.silently("UPDATE transactions SET occurred_at = occurred_at + interval '5 hours 30 minutes'")


@ROWS.add(check="content", seen="Every amount is a whole number of rupees.")
def rounded_amounts(patient: Patient) -> None:
    """Amounts went through a number format that keeps no paisa."""
    patient.silently("UPDATE transactions SET amount_paisa = greatest(100, round(amount_paisa, -2))")


@ROWS.add(check="content", status="not_proven", seen="The rates have fewer digits, and the same value.")
def lost_trailing_zeros(patient: Patient) -> None:
    """A numeric value kept its value and lost its scale: 8850.00 is 8850."""
    patient.run("UPDATE ledger.currencies SET paisa_a_unit = trim_scale(paisa_a_unit)")


@ROWS.add(check="content", seen="No purchase has a merchant any more.")
def emptied_column(patient: Patient) -> None:
    """A column was dropped and made again: its definition is as before, its values are gone."""
    patient.silently("UPDATE transactions SET merchant = NULL")


@ROWS.add(check="content", seen="Balances of before the last purchases.")
def table_swapped_with_an_older_copy(patient: Patient) -> None:
    """A table's rows are replaced by the copy of it that somebody once left in another schema."""
    patient.silently(
        "DELETE FROM linked_accounts",
        "INSERT INTO linked_accounts SELECT * FROM archive.linked_accounts",
    )


@ROWS.add(check="content", seen="A statement opens as an empty page.")
def shortened_document(patient: Patient) -> None:
    """A large value is cut off at its first kilobytes."""
    patient.silently(
        "UPDATE ledger.statements SET document = substr(document, 1, 2048)"
        " WHERE number = (SELECT min(number) FROM ledger.statements)"
    )

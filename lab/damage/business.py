# ruff: noqa: S608 - the statements are made of constants of the lab
"""Damage to meaning: rows that PostgreSQL may hold, and the product may not.

As with integrity, the rows are of between the manifest and the restore, unless a table is long written.
"""

from lab.damage.integrity import purchase
from lab.damage.kinds import Group, Patient

BUSINESS = Group("Business", "Rows that PostgreSQL may hold, and the product may not.")


@BUSINESS.add(check="invariants", seen="A purchase that pays the student.")
def negative_amount(patient: Patient) -> None:
    """A debit is below zero, and the constraint that forbids it is gone: two findings."""
    patient.run("ALTER TABLE transactions DROP CONSTRAINT transactions_amount_paisa_check")
    patient.run(purchase(patient, amount_paisa="-4200"))


@BUSINESS.add(check="invariants", seen="A cup of tea for ten thousand million rupees.")
def amount_out_of_range(patient: Patient) -> None:
    """An amount is more than any student ever pays."""
    patient.run(purchase(patient, amount_paisa="1000000000000"))


@BUSINESS.add(check="invariants", seen="A purchase is paid from a stranger's account.")
def account_of_another_user(patient: Patient) -> None:
    """A transaction's account belongs to another user: both foreign keys hold."""
    patient.run(purchase(patient, user_id="(SELECT user_id FROM linked_accounts ORDER BY id DESC LIMIT 1)"))


@BUSINESS.add(check="invariants", seen="Tomorrow's purchases in today's list.")
def purchase_in_the_future(patient: Patient) -> None:
    """A purchase happened in the future, by its own account."""
    patient.run(purchase(patient, occurred_at="now() + interval '3 days'"))


@BUSINESS.add(check="invariants", seen="A user who will sign up next year.")
def creation_in_the_future(patient: Patient) -> None:
    """A row was made in the future, by its creation time."""
    patient.run(
        "INSERT INTO users (phone, name, created_at, updated_at)"
        f" VALUES ('+910000000000', 'Early', now() + interval '1 year', {patient.moment})"
    )


@BUSINESS.add(check="invariants", seen="A budget for every fortnight, which no screen can show.")
def unknown_period(patient: Patient) -> None:
    """A budget's period is none that the product knows."""
    patient.run(
        "ALTER TABLE budgets DROP CONSTRAINT budgets_period_check",
        "INSERT INTO budgets (user_id, category, period, limit_paisa, created_at, updated_at)"
        f" SELECT id, 'fun', 'fortnightly', 100, {patient.moment}, {patient.moment} FROM users LIMIT 1",
    )

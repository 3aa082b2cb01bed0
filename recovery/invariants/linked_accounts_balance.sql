-- The balance of every linked account is known and believable.
-- Needs: public.linked_accounts (id, balance_paisa)
-- Shows: id
-- Means: A balance is missing or beyond belief in either direction. No student moves a thousand million rupees (100
--   000 000 000 paisa) at once: a larger number is a damaged one.
-- Do: Read the row in an older recovery point, or ask the account's provider for the balance again.
SELECT id FROM public.linked_accounts
WHERE num_nulls(balance_paisa) > 0 OR balance_paisa NOT BETWEEN -100000000000 AND 100000000000

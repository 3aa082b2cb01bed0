-- Every linked account is of a kind of provider that the product knows.
-- Needs: public.linked_accounts (id, provider)
-- Shows: id
-- Means: An account of an unknown provider can neither be shown nor updated.
-- Do: Read the row in an older recovery point, and find what wrote it.
SELECT id FROM public.linked_accounts
WHERE num_nulls(provider) > 0 OR provider NOT IN ('bank', 'upi', 'card', 'wallet')

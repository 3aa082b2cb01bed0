-- Every transaction is a debit or a credit.
-- Needs: public.transactions (id, kind)
-- Shows: id
-- Means: A transaction of an unknown kind is in no sum that the product shows.
-- Do: Read the row in an older recovery point, and find what wrote it.
SELECT id FROM public.transactions WHERE num_nulls(kind) > 0 OR kind NOT IN ('debit', 'credit')

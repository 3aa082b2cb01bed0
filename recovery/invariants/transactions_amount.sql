-- The amount of every transaction is known, positive and believable.
-- Needs: public.transactions (id, amount_paisa)
-- Shows: id
-- Means: An amount is missing, not above zero, or beyond belief. No student moves a thousand million rupees (100 000
--   000 000 paisa) at once: a larger number is a damaged one.
-- Do: Read the row in an older recovery point, and find what wrote it: the product's own constraint refuses an amount
--   that is not positive.
SELECT id FROM public.transactions WHERE num_nulls(amount_paisa) > 0 OR amount_paisa NOT BETWEEN 1 AND 100000000000

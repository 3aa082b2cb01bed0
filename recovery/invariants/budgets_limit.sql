-- The limit of every budget is known, positive and believable.
-- Needs: public.budgets (id, limit_paisa)
-- Shows: id
-- Means: A limit is missing, not above zero, or beyond belief. No student moves a thousand million rupees (100 000 000
--   000 paisa) at once: a larger number is a damaged one.
-- Do: Read the row in an older recovery point, and find what wrote it.
SELECT id FROM public.budgets WHERE num_nulls(limit_paisa) > 0 OR limit_paisa NOT BETWEEN 1 AND 100000000000

-- Every budget is of a period that the product knows.
-- Needs: public.budgets (id, period)
-- Shows: id
-- Means: A budget of an unknown period is never compared with what was spent.
-- Do: Read the row in an older recovery point, and find what wrote it.
SELECT id FROM public.budgets WHERE num_nulls(period) > 0 OR period NOT IN ('weekly', 'monthly', 'yearly')

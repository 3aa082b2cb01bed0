-- No user has two budgets for one category and period.
-- Needs: public.budgets (id, user_id, category, period)
-- Shows: id, user_id
-- Means: Two budgets for the same thing: which one counts is a matter of chance.
-- Do: Keep the one that was updated last, and REINDEX the unique index that let the other pass.
SELECT id, user_id FROM (
    SELECT id, user_id, count(*) OVER (PARTITION BY user_id, category, period) AS budgets FROM public.budgets
) AS counted
WHERE budgets > 1

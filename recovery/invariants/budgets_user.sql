-- Every budget belongs to a user who exists.
-- Needs: public.budgets (id, user_id); public.users (id)
-- Shows: id, user_id
-- Means: A budget's user is missing: the user was lost, or deleted while the foreign key was not enforced.
-- Do: Look for the user in an older recovery point. Where the user was deleted on purpose, delete the rows that stayed
--   behind.
SELECT b.id, b.user_id FROM public.budgets AS b
WHERE NOT EXISTS (SELECT FROM public.users AS u WHERE u.id = b.user_id)

-- Every linked account belongs to a user who exists.
-- Needs: public.linked_accounts (id, user_id); public.users (id)
-- Shows: id, user_id
-- Means: An account's user is missing: the user was lost, or deleted while the foreign key was not enforced.
-- Do: Look for the user in an older recovery point. Where the user was deleted on purpose, delete the rows that stayed
--   behind.
SELECT a.id, a.user_id FROM public.linked_accounts AS a
WHERE NOT EXISTS (SELECT FROM public.users AS u WHERE u.id = a.user_id)

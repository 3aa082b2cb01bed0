-- Every transaction of an account belongs to an account that exists, of the same user.
-- Needs: public.transactions (id, user_id, account_id); public.linked_accounts (id, user_id)
-- Shows: id, account_id
-- Means: A transaction's account is missing or another user's: one student sees, or pays, what is another's. Foreign
--   keys do not see the second.
-- Do: Read the row in an older recovery point. An account of another user is a leak between users: treat it as one.
SELECT t.id, t.account_id FROM public.transactions AS t
WHERE num_nonnulls(t.account_id) = 1
  AND NOT EXISTS (SELECT FROM public.linked_accounts AS a WHERE a.id = t.account_id AND a.user_id = t.user_id)

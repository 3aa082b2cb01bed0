-- Every one-time code was made before now, for a user who exists, and ends after it began.
-- Needs: public.auth_otps (id, user_id, created_at, expires_at); public.users (id)
-- Shows: id, user_id
-- Means: A one-time code of the future, without an end after its beginning, or without its user could let somebody in
--   who should not be.
-- Do: Delete the row: users get a new one-time code when they sign in.
SELECT s.id, s.user_id FROM public.auth_otps AS s
WHERE s.created_at > now() OR num_nulls(s.expires_at) > 0 OR s.expires_at <= s.created_at
   OR NOT EXISTS (SELECT FROM public.users AS u WHERE u.id = s.user_id)

-- No time of a row in linked_accounts lies in the future, and none was updated before it was created.
-- Needs: public.linked_accounts (id, created_at, updated_at)
-- Shows: id
-- Means: A time lies in the future, or a row was updated before it was created: a clock was wrong, or the row was
--   written by something that is not the product. A change time is the beginning of its transaction, which may have
--   edited a row that was made meanwhile: a transaction is given an hour.
-- Do: Read the row in an older recovery point. Compare the server's clock with NTP's.
SELECT id FROM public.linked_accounts
WHERE greatest(created_at, updated_at) > now() OR updated_at < created_at - interval '1 hour'

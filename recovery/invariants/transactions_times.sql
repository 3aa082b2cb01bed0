-- No time of a row in transactions lies in the future, and none was updated before it was created.
-- Needs: public.transactions (id, occurred_at, created_at, updated_at)
-- Shows: id
-- Means: A time lies in the future, or a row was updated before it was created: a clock was wrong, or the row was
--   written by something that is not the product. A change time is the beginning of its transaction, which may have
--   edited a row that was made meanwhile: a transaction is given an hour. What a student enters may be of a place
--   whose day has begun already: its time is given a day.
-- Do: Read the row in an older recovery point. Compare the server's clock with NTP's.
SELECT id FROM public.transactions
WHERE greatest(created_at, updated_at) > now()
   OR occurred_at > now() + interval '1 day'
   OR updated_at < created_at - interval '1 hour'

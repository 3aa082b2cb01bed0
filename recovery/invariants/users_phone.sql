-- Every user has a phone number that can be dialled.
-- Needs: public.users (id, phone)
-- Shows: id
-- Means: A number that is not + and 8 to 15 digits (E.164) cannot receive a one-time code: its user is locked out.
-- Do: Read the row in an older recovery point.
SELECT id FROM public.users WHERE num_nulls(phone) > 0 OR phone !~ '^\+[1-9][0-9]{7,14}$'

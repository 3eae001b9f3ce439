-- The key of a user as PostgreSQL writes it. The parentheses are for negative numbers.
SELECT (%(key)s)::{user_id}::text

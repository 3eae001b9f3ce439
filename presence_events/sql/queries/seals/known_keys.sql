-- The keys of subjects. Those without a key are missing.
SELECT subject, key FROM presence_seal_key WHERE subject = ANY (%(subjects)s::text[])

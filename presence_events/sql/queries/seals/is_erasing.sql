-- Whether the erasure of a person has begun and not ended.
SELECT EXISTS (SELECT FROM presence_erasing)

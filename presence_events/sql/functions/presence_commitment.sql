-- Returns the commitment to the personal fields of an event, as docs/reference/seal-format.md specifies it: SHA-256 of
-- the event key and the two fields of the canonical line, in hexadecimal digits. The event key is HMAC-SHA-256 of the
-- position under the key of the subject, which has 32 bytes. The text of a jsonb value has no control characters.
CREATE FUNCTION presence_commitment(key bytea, id bigint, user_id text, data text)
RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (
    SELECT encode(
        sha256(
            sha256(
                int8send(k1 # 6655295901103053916) || int8send(k2 # 6655295901103053916)
                || int8send(k3 # 6655295901103053916) || int8send(k4 # 6655295901103053916)
                || decode(repeat('5c', 32), 'hex')
                || sha256(
                    int8send(k1 # 3906369333256140342) || int8send(k2 # 3906369333256140342)
                    || int8send(k3 # 3906369333256140342) || int8send(k4 # 3906369333256140342)
                    || decode(repeat('36', 32), 'hex')
                    || convert_to(id::text, 'UTF8')
                )
            )
            || convert_to(
                coalesce(
                    replace(replace(replace(replace(replace(replace(replace(
                        user_id, '\', '\\'), E'\b', '\b'), E'\f', '\f'), E'\n', '\n'), E'\r', '\r'), E'\t', '\t'),
                        E'\x0b', '\v'
                    ),
                    '\N'
                )
                || E'\t' || coalesce(replace(data, '\', '\\'), '\N'),
                'UTF8'
            )
        ),
        'hex'
    )
    FROM (
        VALUES (
            ('x' || encode(substr(key, 1, 8), 'hex'))::bit(64)::bigint,
            ('x' || encode(substr(key, 9, 8), 'hex'))::bit(64)::bigint,
            ('x' || encode(substr(key, 17, 8), 'hex'))::bit(64)::bigint,
            ('x' || encode(substr(key, 25, 8), 'hex'))::bit(64)::bigint
        )
    ) AS part (k1, k2, k3, k4)
)

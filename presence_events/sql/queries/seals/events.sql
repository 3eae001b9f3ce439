-- The events of a range of the log, each as the parts of the canonical line of docs/reference/seal-format.md: the
-- position, whether it is a touch, all fields but the last two, the last two, the subject, and the commitment of what
-- was erased. Times are microseconds since 1970.
-- The line is that of COPY in its text format. psycopg needs several times as long to read rows of COPY.
SELECT
    event.id::text AS position,
    kind = 'touch' AS is_touch,
    concat_ws(
        E'\t',
        event.id,
        kind,
        {room},
        {channel_name},
        coalesce(session::text, E'\\N'),
        coalesce((extract(epoch FROM at) * 1000000)::bigint::text, E'\\N'),
        coalesce((extract(epoch FROM since) * 1000000)::bigint::text, E'\\N'),
        coalesce((extract(epoch FROM last_seen) * 1000000)::bigint::text, E'\\N'),
        {process},
        coalesce(left(is_leased::text, 1), E'\\N'),
        coalesce(capacity::text, E'\\N'),
        coalesce(left(is_exclusive::text, 1), E'\\N')
    ) AS public,
    concat_ws(E'\t', {user_id}, {data}) AS personal,
    CASE
        WHEN commitment IS NULL AND (user_id IS NOT NULL OR data IS NOT NULL)
            THEN presence_subject(user_id::text, session, event.id)
    END AS subject,
    commitment
FROM presence_event AS event
WHERE event.id > %(after)s AND event.id <= %(up_to)s AND {days}
ORDER BY event.id
LIMIT %(limit)s

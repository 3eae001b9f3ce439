-- The commitments to the personal fields of events that are in an archive. Their subjects have keys.
SELECT event.id, presence_commitment(k.key, event.id, event.user_id, event.data)
FROM unnest(%(ids)s::bigint[], %(users)s::text[], %(sessions)s::bigint[], %(data)s::text[])
    AS event (id, user_id, session, data)
JOIN presence_seal_key AS k ON k.subject = presence_subject(event.user_id, event.session, event.id)

-- Those of these stays that still depend on the lease of the process.
SELECT
    'prune', p.room, p.channel_name, p.user_id, jsonb_build_object('reason', %(reason)s::text), p.id, 0, NULL::boolean
FROM presence_open_stay AS p
WHERE p.id = ANY(%(sessions)s::bigint[]) AND p.process = %(name)s::text AND p.is_leased
ORDER BY p.room, p.channel_name
FOR UPDATE OF p SKIP LOCKED

-- Each cluster chooses its own segments. Here each part has one that may have everything.
SELECT 'presence_event_' || part, part, NULL, NULL, 'open', NULL, NULL, NULL, NULL, NULL, NULL, NULL
FROM unnest('{touches,stays}'::text[]) AS part

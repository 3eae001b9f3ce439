SELECT name, started_at, seen_at, {alias}::text AS cluster FROM {server}.presence_process

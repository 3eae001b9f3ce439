-- What a segment contains.
SELECT count(*), min(id), max(id), min(at), max(at), min(since) FROM {segment}

-- Whether a stay that began by stop went on after start, put so that the indexes of presence_events/stays.py find it: one
-- short range of each magnitude. A condition on joined_at comes beside it. That no stay ends before it begins is known,
-- and said because it is the condition of the index of all stays.
--
-- PostgreSQL puts the body in the place of the call. That is why the arguments are used more than once, why there are no
-- SET clauses, and why it is STABLE: adding an interval is.
CREATE FUNCTION presence_lasts(
    joined_at timestamptz, left_at timestamptz, is_open boolean, start timestamptz, stop timestamptz
)
RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE
RETURN is_open OR left_at >= joined_at AND left_at > start AND (
    width_bucket(
        date_part('epoch', left_at - joined_at),
        '{8,64,512,4096,32768,262144,2097152,16777216,134217728}'::float8[]
    ) = 9
    OR width_bucket(
        date_part('epoch', left_at - joined_at),
        '{8,64,512,4096,32768,262144,2097152,16777216,134217728}'::float8[]
    ) = 0 AND left_at <= stop + interval '8 s'
    OR width_bucket(
        date_part('epoch', left_at - joined_at),
        '{8,64,512,4096,32768,262144,2097152,16777216,134217728}'::float8[]
    ) = 1 AND left_at <= stop + interval '64 s'
    OR width_bucket(
        date_part('epoch', left_at - joined_at),
        '{8,64,512,4096,32768,262144,2097152,16777216,134217728}'::float8[]
    ) = 2 AND left_at <= stop + interval '512 s'
    OR width_bucket(
        date_part('epoch', left_at - joined_at),
        '{8,64,512,4096,32768,262144,2097152,16777216,134217728}'::float8[]
    ) = 3 AND left_at <= stop + interval '4096 s'
    OR width_bucket(
        date_part('epoch', left_at - joined_at),
        '{8,64,512,4096,32768,262144,2097152,16777216,134217728}'::float8[]
    ) = 4 AND left_at <= stop + interval '32768 s'
    OR width_bucket(
        date_part('epoch', left_at - joined_at),
        '{8,64,512,4096,32768,262144,2097152,16777216,134217728}'::float8[]
    ) = 5 AND left_at <= stop + interval '262144 s'
    OR width_bucket(
        date_part('epoch', left_at - joined_at),
        '{8,64,512,4096,32768,262144,2097152,16777216,134217728}'::float8[]
    ) = 6 AND left_at <= stop + interval '2097152 s'
    OR width_bucket(
        date_part('epoch', left_at - joined_at),
        '{8,64,512,4096,32768,262144,2097152,16777216,134217728}'::float8[]
    ) = 7 AND left_at <= stop + interval '16777216 s'
    OR width_bucket(
        date_part('epoch', left_at - joined_at),
        '{8,64,512,4096,32768,262144,2097152,16777216,134217728}'::float8[]
    ) = 8 AND left_at <= stop + interval '134217728 s'
)

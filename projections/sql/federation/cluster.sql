-- The cluster {alias}. The environment variable of its password is {variable}.
DROP SERVER IF EXISTS {server} CASCADE;
DROP SCHEMA IF EXISTS {server};
CREATE SERVER {server} FOREIGN DATA WRAPPER postgres_fdw OPTIONS ({options});
CREATE USER MAPPING FOR PUBLIC SERVER {server} OPTIONS (user {user});
\getenv password {variable}
\if :{{?password}}
ALTER USER MAPPING FOR PUBLIC SERVER {server} OPTIONS (ADD password :'password');
\unset password
\endif
CREATE SCHEMA {server};
IMPORT FOREIGN SCHEMA {schema}
    LIMIT TO (presence, presence_event, presence_process, presence_room, presence_segment, presence_session)
    FROM SERVER {server} INTO {server};

"""Triggers whose functions are ``.sql`` files, managed by django-pgtrigger.

django-pgtrigger installs them like its own triggers. Their functions differ in six ways:

- They do not call ``pgtrigger.ignore``. A session variable must not be able to switch off the rules of the log.
  That call also costs one caught exception for each row, about a third of the cost of an append.
- They are SECURITY DEFINER with a fixed search path. A role that may only append needs no privileges on the tables that
  the trigger writes, and no role can make the trigger use other tables of the same name. A search path does not decide
  between overloads: a function or operator elsewhere in it wins if its argument types match better. So the functions
  name the schema of every function, operator and type that they use.
- No role but the owner may execute them, so no other role can create a trigger that calls them.
- They raise an error if a trigger of another table calls them.
- They set ``enable_seqscan = off``. PL/pgSQL keeps its plans as long as the database connection is open. A plan from
  when a table was empty and vacuumed would be a sequential scan, and a burst of joins would take quadratic time.
- They are dropped with their trigger.

A function that uses no table, and gains its caller nothing, can do without the owner's rights, the settings and the
comparison of the table. They would be paid for with every statement of the fold.
"""

from __future__ import annotations

from typing import Any

import pgtrigger
from pgtrigger import compiler

from presence_events import sql

_BODY = """
BEGIN
    IF TG_RELID OPERATOR(pg_catalog.<>) '{table}'::pg_catalog.regclass THEN
        RAISE EXCEPTION USING
            ERRCODE = 'insufficient_privilege',
            MESSAGE = '{pgid} is a trigger function of the table {table} only';
    END IF;
{func}
END
"""
"""The body of a function. The block in the ``.sql`` file is nested, so it can have declarations."""

_PARTITIONS_BODY = _BODY.replace(
    "THEN",
    """AND (
        TG_TABLE_SCHEMA OPERATOR(pg_catalog.<>) pg_catalog.current_schema()
        OR NOT pg_catalog.starts_with(
            TG_TABLE_NAME::pg_catalog.text, pg_catalog.btrim('{table}', '"') OPERATOR(pg_catalog.||) '_'
        )
    )
    THEN""",
)
"""The same for the row triggers of a partitioned table, which fire on its partitions.

Their names begin with that of the table, and they are in its schema, which is the first one in the search path of the
function. To look them up in the catalogs would cost a tenth of the fold, for each row.
"""

_CALLERS_BODY = """
BEGIN
{func}
END
"""
"""The same without the comparison of the table, whose name the search path of the caller would decide."""

_INSTALL = """
CREATE OR REPLACE FUNCTION {pgid}() RETURNS trigger LANGUAGE plpgsql<rights> AS $$<body>$$;
REVOKE ALL ON FUNCTION {pgid}() FROM PUBLIC;

DO $$
DECLARE
    owner pg_catalog.oid;
    tables_owner pg_catalog.oid;
    tables_schema pg_catalog.text;
    other pg_catalog.text;
BEGIN
    SELECT relowner, relnamespace::pg_catalog.regnamespace::pg_catalog.text INTO tables_owner, tables_schema
    FROM pg_catalog.pg_class
    WHERE oid OPERATOR(pg_catalog.=) '{table}'::pg_catalog.regclass;
    SELECT proowner INTO owner
    FROM pg_catalog.pg_proc
    WHERE oid OPERATOR(pg_catalog.=) '{pgid}()'::pg_catalog.regprocedure;
    -- CREATE OR REPLACE keeps the owner of a function that another role has created before.
    IF NOT pg_catalog.pg_has_role(owner, tables_owner, 'USAGE') THEN
        RAISE EXCEPTION USING
            ERRCODE = 'insufficient_privilege',
            MESSAGE = 'the function {pgid} belongs to a role without the rights of the owner of {table}',
            HINT = 'Drop the function, then try again.';
    END IF;
    -- ALTER DEFAULT PRIVILEGES may have granted EXECUTE to roles.
    FOR other IN
        SELECT DISTINCT grantee::pg_catalog.regrole::pg_catalog.text
        FROM pg_catalog.pg_proc CROSS JOIN pg_catalog.aclexplode(proacl)
        WHERE pg_proc.oid OPERATOR(pg_catalog.=) '{pgid}()'::pg_catalog.regprocedure
            AND grantee OPERATOR(pg_catalog.<>) owner
    LOOP
        EXECUTE pg_catalog.concat('REVOKE ALL ON FUNCTION {pgid}() FROM ', other, ' CASCADE');
    END LOOP;
<settings>END
$$;

DROP TRIGGER IF EXISTS {pgid} ON {table};
CREATE TRIGGER {pgid} {when} {operation} ON {table} FOR EACH {level} {condition} EXECUTE FUNCTION {pgid}();
COMMENT ON TRIGGER {pgid} ON {table} IS '{hash}';
"""

_SETTINGS = """    EXECUTE pg_catalog.concat(
        'ALTER FUNCTION {pgid}() SET search_path = ', tables_schema, ', pg_temp SET enable_seqscan = off'
    );
"""


class TriggerSql(compiler.UpsertTriggerSql):
    """The SQL that creates a `SqlTrigger`. Released migrations refer to it: do not change it, add a new class."""

    has_owners_rights = True

    def get_template(self) -> str:
        rights, settings = (" SECURITY DEFINER", _SETTINGS) if self.has_owners_rights else ("", "")
        return (
            _INSTALL.replace("<body>", self._body_template).replace("<rights>", rights).replace("<settings>", settings)
        )

    @property
    def body(self) -> str:
        """The body of the function, to the letter."""
        return self._body_template.format(pgid=self.pgid, table=f'"{self.table}"', func=self.kwargs["func"])

    @property
    def _body_template(self) -> str:
        return _BODY


class CallersTriggerSql(TriggerSql):
    """Like `TriggerSql`, for a function with the rights and settings of its caller."""

    has_owners_rights = False

    @property
    def _body_template(self) -> str:
        return _CALLERS_BODY


class PartitionsTriggerSql(TriggerSql):
    """Like `TriggerSql`, for a row trigger of a partitioned table. PostgreSQL creates it on each partition, too."""

    @property
    def _body_template(self) -> str:
        return _PARTITIONS_BODY


class InstalledTrigger(compiler.Trigger):
    """A `SqlTrigger` as migrations have it. Released migrations refer to it: do not change it, add a new class.

    django-pgtrigger removes a trigger without its function. Here both are removed: no function with the owner's rights
    remains.
    """

    @property
    def uninstall_sql(self) -> str:
        return f"{super().uninstall_sql} DROP FUNCTION IF EXISTS {self.sql.pgid}();"


class SqlTrigger(pgtrigger.Trigger):
    """A trigger whose function body is the PL/pgSQL block in ``sql/triggers/<source>.sql`` of ``package``.

    ``compiled`` is `CallersTriggerSql` for a function that uses no table, each call of which is cheaper then, and
    `PartitionsTriggerSql` for a row trigger of a partitioned table.
    """

    def __init__(self, *, package: str, source: str, compiled: type[TriggerSql] = TriggerSql, **options: Any) -> None:
        self.package = package
        self.source = source
        self.compiled = compiled
        super().__init__(**options)

    def get_func(self, model: Any) -> str:
        return sql.read(self.package, f"triggers/{self.source}")

    def compile(self, model: Any) -> InstalledTrigger:
        return InstalledTrigger(
            name=self.name,
            sql=self.compiled(
                pgid=self.get_pgid(model),
                func=self.render_func(model),
                table=model._meta.db_table,
                when=self.when,
                operation=self.operation,
                level=self.level,
                condition=self.render_condition(model),
            ),
        )


def permanent(operation: Any = pgtrigger.Update | pgtrigger.Delete | pgtrigger.Truncate) -> SqlTrigger:
    """Returns a trigger that lets rows be added, and refuses ``operation``, by default every other change."""
    return SqlTrigger(
        name="permanent",
        package="presence_events",
        source="permanent",
        level=pgtrigger.Statement,
        when=pgtrigger.Before,
        operation=operation,
    )

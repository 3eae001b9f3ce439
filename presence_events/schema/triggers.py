"""Triggers whose functions are ``.sql`` files, managed by django-pgtrigger.

django-pgtrigger installs them like its own triggers. Their functions differ in three ways:

- They do not call ``pgtrigger.ignore``. A session variable must not be able to switch off the rules of the log.
  That call also costs one caught exception for each row, about a third of the cost of an append.
- They are SECURITY DEFINER with a fixed search path. A role that may only append needs no privileges on the tables that
  the trigger writes, and no role can make the trigger use other tables or functions of the same name.
- They set ``enable_seqscan = off``. PL/pgSQL keeps its plans as long as the database connection is open. A plan from
  when a table was empty and vacuumed would be a sequential scan, and a burst of joins would take quadratic time.
"""

from __future__ import annotations

from typing import Any

import pgtrigger
from pgtrigger import compiler

from presence_events import sql


class TriggerSql(compiler.UpsertTriggerSql):
    """The SQL that creates a `SqlTrigger`. Released migrations refer to it: do not change it, add a new class."""

    def get_template(self) -> str:
        return """
CREATE OR REPLACE FUNCTION {pgid}() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
{func}
$$;

DO $$
BEGIN
    EXECUTE format(
        'ALTER FUNCTION {pgid}() SET search_path = %s, pg_temp SET enable_seqscan = off',
        (SELECT relnamespace::regnamespace FROM pg_class WHERE oid = '{table}'::regclass)
    );
END
$$;

DROP TRIGGER IF EXISTS {pgid} ON {table};
CREATE TRIGGER {pgid} {when} {operation} ON {table} FOR EACH {level} {condition} EXECUTE FUNCTION {pgid}();
COMMENT ON TRIGGER {pgid} ON {table} IS '{hash}';
"""


class SqlTrigger(pgtrigger.Trigger):
    """A trigger whose function body is the PL/pgSQL block in ``sql/triggers/<source>.sql`` of ``package``."""

    def __init__(self, *, package: str, source: str, **options: Any) -> None:
        self.package = package
        self.source = source
        super().__init__(**options)

    def get_func(self, model: Any) -> str:
        return sql.read(self.package, f"triggers/{self.source}")

    def compile(self, model: Any) -> compiler.Trigger:
        return compiler.Trigger(
            name=self.name,
            sql=TriggerSql(
                pgid=self.get_pgid(model),
                func=self.render_func(model),
                table=model._meta.db_table,
                when=self.when,
                operation=self.operation,
                level=self.level,
                condition=self.render_condition(model),
            ),
        )

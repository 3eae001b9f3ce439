"""Triggers whose bodies are ``.sql`` files, managed by django-pgtrigger.

They differ from pgtrigger's own in what the function is, not in how it is installed:

- No call to ``pgtrigger.ignore``: a log that a session variable can switch off is no log. That call also costs a
  caught exception a row, about a third of what an append costs.
- SECURITY DEFINER with a pinned search path: a role that may only append needs no rights on what the trigger
  writes, and nobody can put tables or functions of their own in the way.
- ``enable_seqscan = off``: PL/pgSQL keeps its plans for the session. A plan made while a table was empty and
  vacuumed would be a sequential scan, and the next storm of joins would pay for it quadratically.
"""

from __future__ import annotations

from typing import Any

import pgtrigger
from pgtrigger import compiler

from presence_events import sql


class TriggerSql(compiler.UpsertTriggerSql):
    """How the trigger of a `SqlTrigger` is created. Migrations refer to it: it is never changed, only succeeded."""

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
    """A trigger whose function is the file ``sql/triggers/<source>.sql`` of ``package``: a PL/pgSQL block, DECLARE and all."""

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

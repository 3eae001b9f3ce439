"""Migrations of a project that change the type of its user keys."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from tests.sites import Site

MODEL = """
    from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
    from django.db import models

    class Base(models.Model):
        id = {base}

    class Person(AbstractBaseUser):
        {name} = {key}
        name = models.CharField(max_length=20, unique=True)
        objects = BaseUserManager()
        USERNAME_FIELD = "name"
"""
FIRST = """
    import django.contrib.auth.base_user
    from django.db import migrations, models

    class Migration(migrations.Migration):
        initial = True
        operations = [
            migrations.CreateModel("Base", [("id", {base})]),
            migrations.CreateModel(
                "Person",
                [
                    ("{name}", {key}),
                    ("password", models.CharField(max_length=128)),
                    ("last_login", models.DateTimeField(null=True)),
                    ("name", models.CharField(max_length=20, unique=True)),
                ],
                managers=[("objects", django.contrib.auth.base_user.BaseUserManager())],
            ),
        ]
"""
SECOND = """
    from django.db import migrations, models

    class Migration(migrations.Migration):
        dependencies = [("people", "0001_initial"){after}]
        operations = [
            migrations.AlterField("person", "name", models.CharField(max_length=30, unique=True)),
            migrations.AlterField("base", "id", {base}),
            migrations.AlterField("person", "{name}", {key}),
        ]
"""
BASES = "models.AutoField(primary_key=True)", "models.BigAutoField(primary_key=True)"
KEYS = {
    "number": ("id", *BASES),
    "text": (
        "id",
        "models.CharField(max_length=5, primary_key=True)",
        "models.CharField(max_length=9, primary_key=True)",
    ),
    "relation": ("base", *["models.OneToOneField('people.Base', models.CASCADE, primary_key=True)"] * 2),
}
"""The name of the key, and its field before and after the second migration."""

START = """
    from django.core.management import call_command
    from django.db import connection

    def migrate(*arguments):
        call_command("migrate", *arguments, verbosity=0, skip_checks=True)

    def rows(query):
        with connection.cursor() as cursor:
            cursor.execute(query)
            return cursor.fetchall() if cursor.description else []

    def types():
        found = rows('''
            SELECT attrelid::regclass::text, format_type(atttypid, atttypmod)
            FROM pg_attribute WHERE attname = 'user_id' AND attrelid = ANY(ARRAY(
                SELECT oid FROM pg_class
                WHERE relname IN (
                    'presence', 'presence_event', 'presence_session', 'presence_attendee', 'present_people'
                )
            ))
        ''')
        return dict(found)

    def record(**key):
        from people.models import Person
        from projections.models import PresenceSession, Room
        ada, _ = Person.objects.get_or_create(**key, name="ada")
        before = PresenceSession.objects.of_user(ada).count()
        for _ in range(2):
            Room.objects.add("lobby", "tab", ada)
            Room.objects.remove("lobby", "tab")
        assert PresenceSession.objects.of_user(ada).count() == before + 2
        call_command("replay_presence", "--check", verbosity=0)
        call_command("check", databases=["default"])
        (attendee,) = rows("SELECT * FROM presence_attendance('lobby', now() - interval '1 day', 'infinity')")
        assert attendee[0] == ada.pk
        from projections.attendance import attendance
        end = PresenceSession.objects.earliest("-left_at").left_at
        report = attendance("lobby", end.replace(year=end.year - 1, day=1), end, expected=[str(ada.pk)])
        assert [(line.user_id, line.is_expected) for line in report.people] == [(ada.pk, True)]
"""


def make(site: Site, kind: str, after: str = "") -> None:
    """Writes an app whose migration 0002 makes the key of the user model larger, after the migration ``after``.

    Django changes our columns back only if the migration names one of ours.
    """
    site.configure("people", AUTH_USER_MODEL="people.Person", SILENCED_SYSTEM_CHECKS=["auth.E003"])
    name, *keys = KEYS[kind]
    values = [{"name": name, "key": key, "base": base} for key, base in zip(keys, BASES, strict=True)]
    site.write("people/models.py", MODEL.format(**values[1]))
    site.write("people/migrations/0001_initial.py", FIRST.format(**values[0]))
    site.write("people/migrations/0002_keys.py", SECOND.format(**values[1], after=after))


OF_MY_OWN = """
    CREATE ROLE "Reports {role}";
    CREATE VIEW present_people WITH (security_barrier) AS
        SELECT user_id, '100%' AS share FROM presence_session WHERE is_open;
    COMMENT ON VIEW present_people IS 'who''s here';
    CREATE FUNCTION here() RETURNS SETOF present_people LANGUAGE sql
        BEGIN ATOMIC SELECT * FROM present_people; END;
    CREATE FUNCTION users() RETURNS bigint LANGUAGE sql
        BEGIN ATOMIC SELECT count(DISTINCT user_id) FROM presence_event; END;
    GRANT SELECT ON presence_session, present_people TO "Reports {role}" WITH GRANT OPTION;
    GRANT SELECT (share) ON present_people TO PUBLIC;
    GRANT EXECUTE ON FUNCTION here, presence_at TO "Reports {role}";
    REVOKE EXECUTE ON FUNCTION presence_at, users FROM PUBLIC;
    ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO "Reports {role}";
    ALTER DEFAULT PRIVILEGES REVOKE ALL ON FUNCTIONS FROM PUBLIC;
    ALTER FUNCTION users OWNER TO "Reports {role}";
"""
CATALOG = """
    def catalog():
        views = rows('''
            SELECT c.relname, pg_get_userbyid(c.relowner), c.reloptions, obj_description(c.oid, 'pg_class'),
                pg_get_viewdef(c.oid), ARRAY(
                    SELECT x::text
                    FROM aclexplode(coalesce(c.relacl, acldefault('r', c.relowner))) AS x
                    UNION SELECT x::text
                    FROM pg_attribute AS a CROSS JOIN aclexplode(a.attacl) AS x WHERE a.attrelid = c.oid
                    ORDER BY 1
                )
            FROM pg_class AS c
            WHERE c.relkind = 'v' AND c.relnamespace = 'public'::regnamespace ORDER BY 1
        ''')
        functions = rows('''
            SELECT p.proname, pg_get_userbyid(p.proowner), replace(pg_get_functiondef(p.oid), ' AS int4', ''),
                ARRAY(SELECT x::text FROM aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) AS x ORDER BY 1)
            FROM pg_proc AS p WHERE p.pronamespace = 'public'::regnamespace ORDER BY 1
        ''')
        return views + functions
"""


@pytest.mark.parametrize(
    ("kind", "key", "types"),
    [
        ("number", {}, ("integer", "bigint")),
        ("text", {"id": "a"}, ("character varying(5)", "character varying(9)")),
    ],
)
def test_the_type_changes_in_a_database_with_history_and_back(
    kind: str, key: dict[str, Any], types: tuple[str, str], site: Site
) -> None:
    make(site, kind, after=', ("projections", "0001_initial")')
    role = uuid.uuid4().hex
    site.run(
        START
        + CATALOG
        + f"""
    migrate("people", "0001")
    migrate("projections")
    record(**{key})
    rows({OF_MY_OWN.replace("{role}", role)!r})
    before = catalog()
    assert len(before) > 7
    relations = ["presence", "presence_event", "presence_session", "presence_attendee", "present_people"]
    for direction, expected in [("0002", {types[1]!r}), ("0001", {types[0]!r}), ("0002", {types[1]!r})]:
        migrate("people", direction)
        assert types() == dict.fromkeys(relations, expected), types()
        after = catalog()
        for old, new in zip(before, after, strict=True):
            assert old == new, (old, new)
        record(**{key})
    rows('DROP FUNCTION here, users; DROP VIEW present_people; DROP OWNED BY "Reports {role}"')
    rows('DROP ROLE "Reports {role}"')
    """
    )


@pytest.mark.parametrize("kind", ["number", "text", "relation"])
def test_the_type_changes_in_an_empty_database_after_our_migrations(kind: str, site: Site) -> None:
    make(site, kind)
    expected = {"number": "bigint", "text": "character varying(9)", "relation": "bigint"}[kind]
    site.run(
        START
        + f"""
    migrate("people", "0001")
    migrate("projections")
    migrate()
    relations = ["presence", "presence_event", "presence_session", "presence_attendee"]
    assert types() == dict.fromkeys(relations, {expected!r}), types()
    """
    )


def test_the_type_changes_in_an_empty_database_before_our_migrations(site: Site) -> None:
    make(site, "number")
    site.run(START + "    migrate('people')\n    migrate()\n    record()\n")


def test_a_change_of_another_column_drops_nothing(site: Site) -> None:
    make(site, "relation")
    site.run(
        START
        + """
    migrate("people", "0001")
    migrate("projections")
    rows("ALTER TABLE people_base ALTER id TYPE bigint")
    for table in ("presence_open_stay", "presence_event"):
        rows(f"CREATE VIEW keeps_{table} AS SELECT room FROM {table}")
    before = rows("SELECT oid FROM pg_class WHERE relkind = 'v' ORDER BY 1")
    from django.db.migrations.executor import MigrationExecutor
    from django.db import models
    nodes = [("people", "0001_initial"), ("projections", "0001_initial")]
    state = MigrationExecutor(connection).loader.project_state(nodes)
    person = state.apps.get_model("people", "Person")
    with connection.schema_editor() as editor:
        name = models.CharField(max_length=30, unique=True)
        name.set_attributes_from_name("name")
        name.model = person
        editor.alter_field(person, person._meta.get_field("name"), name)
    assert rows("SELECT oid FROM pg_class WHERE relkind = 'v' ORDER BY 1") == before
    """
    )


def test_what_cannot_be_created_again_is_not_dropped(site: Site) -> None:
    make(site, "number")
    output = site.run(
        START
        + """
    migrate("people", "0001")
    migrate("projections")
    rows("CREATE MATERIALIZED VIEW yesterday AS SELECT user_id FROM presence_session")
    try:
        migrate("people")
    except Exception as error:
        print(error)
    rows("SELECT FROM presence_session")
    """
    )
    assert "materialized view yesterday depends on view presence_session" in output


def test_a_longer_key_is_not_cut_by_a_process_that_has_the_old_model(site: Site) -> None:
    make(site, "text")
    site.write("people/models.py", MODEL.format(name="id", key=KEYS["text"][1], base=BASES[0]))
    site.run(
        START
        + """
    migrate()
    from people.models import Person
    from projections.models import Presence, Room
    Room.objects.add("lobby", "tab", Person.objects.create(id="a-long-on", name="ada"))
    assert Presence.objects.get().user_id == "a-long-on"
    """
    )


def test_a_project_without_a_database_starts(site: Site) -> None:
    site.configure(DATABASES={})
    site.run("")

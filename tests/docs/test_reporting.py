"""The queries of the pages about reports return the answers below them."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth import get_user_model
from django.db import connection

from presence_events import sql
from tests.backdating import Stay, write
from tests.docs.pages import blocks, text_of
from tests.fold import assert_live_is_the_fold
from tests.plans import of_log

pytestmark = pytest.mark.django_db

RECIPE_PAGES = ("docs/howto/reports-people.md", "docs/howto/reports-rooms.md", "docs/howto/reports-changes.md")
USERS = get_user_model()._meta.db_table
NAMES = ["alice", "bob", "carol", "dave", "erin", "frank"]


class Recipe(NamedTuple):
    title: str
    query: str
    answer: list[list[str]]


def _rows(text: str) -> list[list[str]]:
    """Returns the cells of the first table in ``text``, its head included."""
    found = re.search(r"(?:^\|.*\n)+", text, re.MULTILINE)
    assert found is not None
    lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in found[0].splitlines()]
    return [lines[0], *lines[2:]]


def _recipes() -> list[Recipe]:
    sections = re.split(r"^## ", text_of(*RECIPE_PAGES), flags=re.MULTILINE)
    found = [
        re.match(r"(.*?)\n.*?^```sql\n(.*?);\n```\n(.*)", section, re.MULTILINE | re.DOTALL) for section in sections
    ]
    return [Recipe(each[1], each[2].replace("auth_user", USERS), _rows(each[3])) for each in found if each]


def _moment(text: str) -> Any:
    return datetime.fromisoformat(text).replace(tzinfo=UTC) if text else None


def _run(query: str) -> list[list[str]]:
    """Returns the answer as text, as psql prints it, its head included."""
    with connection.cursor() as cursor, cursor.copy(f"COPY ({query}) TO STDOUT (FORMAT csv, HEADER)") as copy:
        return list(csv.reader(bytes(part).decode() for part in copy))


RECIPES = _recipes()
each_recipe = pytest.mark.parametrize("recipe", RECIPES, ids=[recipe.title for recipe in RECIPES])


@pytest.fixture
def people() -> dict[str, Any]:
    users = get_user_model()._default_manager
    return {name: users.create(username=name) for name in NAMES}


@pytest.fixture
def history(people: dict[str, Any]) -> None:
    """Writes the stays of the page, and the documents of its example."""
    _, *rows = _rows(text_of("docs/howto/reports-people.md"))
    write(
        *(
            Stay(room, channel, people.get(who), _moment(since), _moment(until), how, _moment(seen))
            for room, channel, who, since, until, how, seen in rows
        )
    )
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE document (title text, room text, changed_at timestamptz)")
        cursor.execute(
            "INSERT INTO document VALUES"
            " ('Old', 'planning', '2024-03-03 09:29+00'), ('Unknown', 'planning', NULL),"
            " ('Budget', 'planning', '2024-03-04 09:29+00'), ('Roadmap', 'planning', '2024-03-04 09:56+00')"
        )
        cursor.execute("SET LOCAL TIME ZONE 'UTC'")


def test_there_is_a_recipe_for_each_question_of_the_page() -> None:
    assert len(RECIPES) == len(blocks(RECIPE_PAGES, "sql")) == 9


def test_the_history_of_the_page_is_one_that_can_happen(history: None) -> None:
    assert_live_is_the_fold()


@each_recipe
def test_the_recipe_returns_the_answer_below_it(recipe: Recipe, history: None) -> None:
    assert _run(recipe.query) == recipe.answer


@each_recipe
def test_the_role_of_the_page_can_run_the_recipe(recipe: Recipe, history: None) -> None:
    (grant,) = [block for block in blocks("docs/operations/roles.md", "sql") if "auth_user" in block]
    with connection.cursor() as cursor:
        cursor.execute("CREATE ROLE reports")
        cursor.execute(sql.read("projections", "grants/reports").replace(':"role"', "reports"))
        cursor.execute(grant.replace("auth_user", USERS))
        cursor.execute("GRANT SELECT ON document TO reports")
        cursor.execute("SET LOCAL ROLE reports")
        assert _run(recipe.query) == recipe.answer
        cursor.execute("RESET ROLE")


@pytest.mark.usefixtures("history")
def test_the_python_code_of_the_page_runs(people: dict[str, Any]) -> None:
    namespace: dict[str, Any] = {}
    (block,) = blocks("docs/howto/reporting.md", "python")
    exec(block, namespace)  # noqa: S102
    nine = namespace["nine"]
    monday = nine - timedelta(hours=9)
    quarter_past = namespace["people_at"]("planning", nine + timedelta(minutes=15))
    assert quarter_past == {None, *(people[name] for name in ("alice", "bob", "carol", "dave"))}
    assert namespace["first_visit_of_the_day"](people["dave"], monday).joined_at == nine + timedelta(minutes=5)
    pruned = async_to_sync(namespace["pruned_in"])("lobby", monday, nine + timedelta(days=1))
    noon = nine + timedelta(hours=3)
    assert pruned == [("phone-e1", noon + timedelta(minutes=4), noon + timedelta(minutes=5))]


@pytest.fixture
def long_past(history: None, people: dict[str, Any]) -> None:
    """Writes months of stays before the history of the page, in its rooms too: reading all is the wrong plan.

    Most are of others, so reading all stays is the wrong plan for a user, too.
    """
    days = [datetime(2023, 10, 1, tzinfo=UTC) + timedelta(days=day) for day in range(60)]
    visitors = {**people, **{f"guest-{number}": None for number in range(30)}}
    write(
        *(
            Stay(room, f"{name}-{day}", user, day + timedelta(hours=n), day + timedelta(hours=n, minutes=n))
            for day in days
            for n, room in enumerate(["elsewhere", "lobby", "planning"])
            for name, user in visitors.items()
        )
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE presence_event, presence")


@pytest.mark.usefixtures("long_past")
def test_recipes_read_only_stays_of_their_times_or_users() -> None:
    for recipe in RECIPES:
        with connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN (FORMAT JSON) {recipe.query}")
            (((plan,),),) = cursor.fetchall()
        tables = [node for node in _nodes(plan["Plan"]) if of_log(node.get("Relation Name", "")) == "presence_event"]
        indexes = [node for node in _nodes(plan["Plan"]) if node.get("Index Name", "").startswith("presence_event")]
        assert tables, recipe.title
        for node in tables:
            assert node["Node Type"] != "Seq Scan", recipe.title
        for node in indexes:
            assert re.search(r"\(at > |\(user_id = u.id\)", node["Index Cond"]), recipe.title


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", []):
        yield from _nodes(child)

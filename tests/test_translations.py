"""The translations of the admin: the catalogues are complete, and the pages use them.

After a text has changed, run ``django-admin makemessages -l de --no-wrap --no-obsolete --add-location file`` in the
folder of its package, translate what is new, take what was added to the header out again, and run
``django-admin compilemessages``.
"""

from __future__ import annotations

import ast
import gettext
import re
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from importlib.util import find_spec
from pathlib import Path
from string import Formatter
from typing import Any, NamedTuple
from uuid import UUID

import pytest
from django.apps import apps
from django.conf import settings
from django.core.management import call_command
from django.test import Client
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import override

from presence_events.models import PresenceEvent
from projections.final_reports.annotating import annotate
from projections.final_reports.making import make_due_reports
from projections.final_reports.scheduling import schedule_report
from projections.models import Presence, Room
from projections.times import url_value, zone_name
from tests.backdating import RoomPruned, Stay, write

ROOT = Path(__file__).parent.parent
PACKAGES = ["presence_events", "projections"]
LANGUAGE = "de"


@pytest.fixture(autouse=True)
def _left_as_it_was() -> Iterator[None]:
    """Restores the language: that of a request stays active in the thread."""
    with override(None):
        yield


each_package = pytest.mark.parametrize("package", PACKAGES)


class Entry(NamedTuple):
    """A text and its translation. A text with a plural has two of each."""

    source: tuple[str, ...]
    translation: tuple[str, ...]


def catalogue(folder: Path) -> Path:
    return folder / "locale" / LANGUAGE / "LC_MESSAGES" / "django.po"


def entries(path: Path) -> list[Entry]:
    """The entries of a .po file, the header first."""
    found: list[dict[str, str]] = []
    keyword = ""
    for line in path.read_text().splitlines():
        if line.startswith("msgid "):
            found.append({})
        if line.startswith("msg"):
            keyword = line.partition(" ")[0]
        if line.startswith(("msg", '"')):
            text = line[line.index('"') :]
            found[-1][keyword] = found[-1].get(keyword, "") + ast.literal_eval(text)
    return [
        Entry(
            tuple(text for keyword, text in each.items() if keyword.startswith("msgid")),
            tuple(text for keyword, text in each.items() if keyword.startswith("msgstr")),
        )
        for each in found
    ]


def texts_of(path: Path) -> list[Entry]:
    return entries(path)[1:]


def placeholders(text: str) -> list[str]:
    percent = re.findall(r"%(?:\(\w+\))?[a-z]", text)
    return sorted([*percent, *(name for _, name, _, _ in Formatter().parse(text) if name is not None)])


# The catalogues


@each_package
def test_every_text_is_translated(package: str) -> None:
    untranslated = [source for source, translation in texts_of(catalogue(ROOT / package)) if not all(translation)]
    assert untranslated == []


@each_package
def test_nothing_in_the_catalogue_is_fuzzy_or_obsolete(package: str) -> None:
    lines = catalogue(ROOT / package).read_text().splitlines()
    assert [line for line in lines if line.startswith("#~") or re.match("#,.*fuzzy", line)] == []


@each_package
def test_the_header_has_no_author_and_no_date(package: str) -> None:
    (header,) = entries(catalogue(ROOT / package))[0].translation
    assert header.splitlines() == [
        "Project-Id-Version: django-presence-events",
        f"Language: {LANGUAGE}",
        "MIME-Version: 1.0",
        "Content-Type: text/plain; charset=UTF-8",
        "Content-Transfer-Encoding: 8bit",
        "Plural-Forms: nplurals=2; plural=(n != 1);",
    ]


@each_package
def test_translations_have_the_placeholders_of_their_texts(package: str) -> None:
    for source, translation in texts_of(catalogue(ROOT / package)):
        assert len(translation) == len(source), source
        for text, translated in zip(source, translation, strict=True):
            assert placeholders(translated) == placeholders(text), text


@each_package
def test_translations_have_the_spaces_and_the_full_stops_of_their_texts(package: str) -> None:
    for source, translation in texts_of(catalogue(ROOT / package)):
        for text, translated in zip(source, translation, strict=True):
            assert [translated[:1] == " ", translated[-1:] == " "] == [text[:1] == " ", text[-1:] == " "], text
            assert (translated[-1] in ".:,") == (text[-1] in ".:,"), text


@each_package
def test_translations_are_safe_in_attributes(package: str) -> None:
    for _, translation in texts_of(catalogue(ROOT / package)):
        assert not set("".join(translation)) & set("\"'<>&")


def test_texts_in_several_catalogues_have_the_same_translation() -> None:
    """The first of INSTALLED_APPS with a text translates it for the whole project."""
    translations: dict[tuple[str, ...], tuple[str, ...]] = {}
    others = [catalogue(Path(str(find_spec(app).origin)).parent) for app in settings.INSTALLED_APPS]
    ours = [catalogue(ROOT / package) for package in PACKAGES]
    for path in ours:
        for source, translation in texts_of(path):
            assert translations.setdefault(source, translation) == translation
    for path in others:
        if path.exists() and path not in ours:
            with path.with_suffix(".mo").open("rb") as file:
                theirs = gettext.GNUTranslations(file)._catalog
            for source, translation in translations.items():
                assert theirs.get(source[0], translation[0]) == translation[0], path


@each_package
def test_the_compiled_catalogue_is_up_to_date(package: str) -> None:
    path = catalogue(ROOT / package)
    expected: dict[Any, str] = {}
    for source, translation in entries(path):
        if len(source) == 1:
            expected[source[0]] = translation[0]
        else:
            expected.update({(source[0], number): text for number, text in enumerate(translation)})
    with path.with_suffix(".mo").open("rb") as file:
        compiled = gettext.GNUTranslations(file)
    assert compiled._catalog == expected


@each_package
@pytest.mark.skipif(shutil.which("xgettext") is None, reason="collecting texts needs the GNU gettext tools")
def test_the_catalogue_has_all_texts_and_no_others(package: str, tmp_path: Path, monkeypatch: Any) -> None:
    copied = tmp_path / package
    shutil.copytree(ROOT / package, copied, ignore=shutil.ignore_patterns("locale", "__pycache__"))
    (copied / "locale").mkdir()
    monkeypatch.chdir(copied)
    call_command("makemessages", locale=[LANGUAGE], no_wrap=True, verbosity=0)
    collected = {source for source, _ in entries(catalogue(copied))}
    assert {source for source, _ in entries(catalogue(ROOT / package))} == collected


@each_package
def test_texts_are_marked_by_names_under_which_they_are_collected(package: str) -> None:
    for path in (ROOT / package).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module == "django.utils.translation":
                assert {alias.asname for alias in node.names} <= {None, "_"}, path


# The pages


class Texts(HTMLParser):
    """Collects the visible texts of a page: text, titles, labels, placeholders and buttons."""

    ATTRIBUTES = frozenset({"title", "aria-label", "aria-description", "placeholder", "alt", "data-filter-title"})

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: set[str] = set()
        self.tag = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tag = tag
        values = dict(attrs)
        shown = set(self.ATTRIBUTES)
        if tag == "input" and values.get("type") == "submit":
            shown.add("value")
        self.found.update(_plain(values[name] or "") for name in shown & values.keys())

    def handle_data(self, data: str) -> None:
        if self.tag not in ("script", "style"):
            self.found.add(_plain(data))

    def handle_endtag(self, tag: str) -> None:
        self.tag = ""


def _plain(text: str) -> str:
    return " ".join(text.split())


def english() -> list[tuple[re.Pattern[str], str]]:
    """Returns patterns for English texts with a different translation, as they look on a page, and the texts."""
    found = []
    for package in PACKAGES:
        for source, translation in texts_of(catalogue(ROOT / package)):
            for text, translated in zip(source, translation, strict=True):
                plain = _plain(text)
                if len(plain) <= 3 or plain.lower() == _plain(translated).lower():
                    continue
                looks = re.sub(r"%\\\(\w+\\\)s|%s", ".+", re.escape(plain))
                found.append((re.compile(rf"{looks}:?", re.IGNORECASE), text))
    return found


ENGLISH = english()
NOW = datetime.now(UTC)
SPAN = {"from": url_value(NOW - timedelta(hours=3)), "until": url_value(NOW + timedelta(hours=1))}


def ago(minutes: int) -> datetime:
    return NOW - timedelta(minutes=minutes)


@pytest.fixture
def german(admin_client: Client) -> Client:
    admin_client.defaults["HTTP_ACCEPT_LANGUAGE"] = LANGUAGE
    return admin_client


@pytest.fixture
def sessions(user: Any, other_user: Any) -> dict[str, int]:
    """Writes a history with every case that pages have texts for. Returns the numbers of the stays by connection."""
    write(
        Stay("hall", "c1", user, ago(90), ago(60), reason={"k": 1}),
        Stay("hall", "c2", other_user, ago(80), ago(50), "prune", last_seen=ago(55)),
        Stay("hall", "c3", None, ago(70), ago(65)),
        Stay("cave", "c4", 4711 if isinstance(user.pk, int) else UUID(int=4711), ago(40), ago(30)),
        RoomPruned("cave", ago(20)),
        Stay("hall", "c5", user, ago(10)),
        Stay("hall", "c6", None, ago(5), data={"k": 2}),
    )
    joins = PresenceEvent.objects.filter(kind="join").values_list("channel_name", "session")
    return {str(channel): int(session or 0) for channel, session in joins}


def in_english(page: str) -> dict[str, str]:
    """Returns the English texts on the page, each with its source text."""
    found = Texts(page).found
    return {text: source for looks, source in ENGLISH for text in found if looks.fullmatch(text)}


def assert_german(response: Any, *german: str, status: int = 200) -> None:
    assert response.status_code == status
    page = response.content.decode()
    assert f'lang="{LANGUAGE}"' in page
    assert in_english(page) == {}
    found = Texts(page).found
    assert "None" not in found
    for text in german:
        assert any(text in each for each in found), text


def url(name: str, *args: Any) -> str:
    return reverse(f"admin:{name}", args=args)


def test_the_index_is_german(german: Client) -> None:
    assert_german(german.get("/admin/"), "Anwesenheitsprotokoll", "Zeitleiste", "Räume", "Aufenthalte", "Ereignisse")


@pytest.mark.parametrize("app", PACKAGES)
def test_the_index_of_an_app_is_german(app: str, german: Client) -> None:
    assert_german(german.get(f"/admin/{app}/"), "Anwesenheit")


@pytest.mark.usefixtures("sessions")
def test_the_choice_of_a_timeline_is_german(german: Client) -> None:
    assert_german(german.get(url("presence_timeline")), "Zeitleiste", "Verbindungen jetzt", "genauer Name")


def test_the_choice_of_a_timeline_without_rooms_is_german(german: Client) -> None:
    assert_german(german.get(url("presence_timeline")), "Es gibt noch keine Räume.")


def test_the_timeline_of_a_room_is_german(german: Client, sessions: dict[str, int]) -> None:
    response = german.get(url("presence_timeline"), {"room": "hall", **SPAN, "stay": str(sessions["c2"])})
    assert_german(
        response, "Wer anwesend war", f"Aufenthalt {sessions['c2']}", "Bereinigung", "Verbindungen,", "anonym"
    )


def test_the_timeline_of_an_empty_room_is_german(german: Client) -> None:
    response = german.get(url("presence_timeline"), {"room": "hall", **SPAN, "stay": "1"})
    assert_german(
        response,
        "Das Protokoll hat zu keiner Zeit einen passenden Aufenthalt.",
        "In diesem Zeitraum gibt es keinen Aufenthalt mit dieser Nummer.",
    )


def test_the_timeline_of_a_user_is_german(german: Client, user: Any, sessions: dict[str, int]) -> None:
    response = german.get(url("presence_timeline"), {"user": user.pk, **SPAN, "stay": str(sessions["c5"])})
    assert_german(response, "Wo diese Person war", "Gemeinsame Zeit", "noch anwesend, zuletzt gesehen")


@pytest.mark.parametrize(
    ("query", "error"),
    [
        ({"room": "x" * 256}, "So kann kein Raum heißen."),
        ({"room": "hall", "from": SPAN["until"], "until": SPAN["from"]}, "Das Ende muss nach dem Anfang liegen."),
        ({"room": "hall", "moment": "2999-01-01"}, "Kein Ereignis kann diese Zeit haben."),
        ({"username": "\x01"}, "Kein Benutzer hat diesen Namen, und ein Schlüssel kann es nicht sein."),
    ],
)
def test_errors_of_criteria_are_german(query: dict[str, str], error: str, german: Client) -> None:
    assert_german(german.get(url("presence_timeline"), query), error, status=400)
    data = german.get(url("presence_timeline_data"), query)
    assert error in data.json()["error"]


@pytest.mark.usefixtures("sessions")
@pytest.mark.parametrize(
    ("name", "texts"),
    [
        ("projections_room", ["Personen", "Zeitleiste", "Angelegt am"]),
        ("projections_presence", ["Zuletzt gesehen", "Ausgewählte Verbindungen aus ihren Räumen entfernen"]),
        ("projections_presencesession", ["Nach Zeitraum", "Letzte 24 Stunden", "Noch anwesend", "Bereinigung"]),
        ("presence_events_presenceevent", ["Nach Art", "Beitritt", "anonym", "gelöschter Benutzer"]),
    ],
)
def test_lists_are_german(name: str, texts: list[str], german: Client) -> None:
    assert_german(german.get(url(f"{name}_changelist")), *texts)


@pytest.mark.usefixtures("sessions")
def test_lists_that_are_filtered_are_german(german: Client) -> None:
    assert_german(german.get(url("presence_events_presenceevent_changelist"), {"room": "hall"}), "Zurücksetzen")
    assert_german(german.get(url("projections_presencesession_changelist"), {"room": "hall"}), "Zeitleiste")


@pytest.mark.usefixtures("sessions")
def test_the_note_on_a_list_that_ends_early_is_german(german: Client, monkeypatch: Any) -> None:
    monkeypatch.setattr("presence_events.admin.MAX_POSITIONS_SCANNED", 2)
    assert_german(
        german.get(url("presence_events_presenceevent_changelist")), "Diese Liste reicht zurück bis zur Position"
    )


@pytest.mark.usefixtures("sessions")
def test_the_page_of_a_room_is_german(german: Client) -> None:
    room = Room.objects.get(channel_name="hall")
    response = german.get(url("projections_room_change", room.pk))
    assert_german(response, "Wer jetzt anwesend ist", "Aufenthalte", "Anwesenheiten", "Ereignisse")


@pytest.mark.usefixtures("sessions")
def test_the_attendance_of_a_span_is_german(german: Client) -> None:
    assert_german(german.get(url("presence_attendance")), "Erwartet:", "Anzeigen")
    query = {"room": "hall", **SPAN, "expected": "ada"}
    response = german.get(url("presence_attendance"), query, follow=True)
    assert_german(response, "Personen im Zeitverlauf", "Längste Abwesenheit", "nicht erwartet", "bis")


@pytest.mark.usefixtures("sessions")
def test_a_final_report_is_german(german: Client, user: Any, admin_user: Any) -> None:
    absent = type(user).objects.create_user("zoe")
    schedule = schedule_report("hall", "Weekly", ago(85), ago(15), expected=[user, absent])
    with override(LANGUAGE):
        make_due_reports("default")
    annotate(schedule.report, admin_user, "Sie war da.", "Ich habe sie gesehen.")
    page = url("projections_attendancereport_change", schedule.pk)
    assert_german(german.get(page), "Endgültiger Bericht", "fehlt", "Noch deckt ihn kein Siegel ab.", "Berichtigung")
    assert_german(german.get(url("projections_attendancereport_changelist")), "Geplante Berichte", "Siegel")
    assert_german(german.get(url("projections_scheduledreport_changelist")), "Bericht")
    assert_german(german.get(url("projections_scheduledreport_add")), "Titel", "Namen oder Schlüssel von Benutzern")


@pytest.mark.usefixtures("sessions")
def test_the_message_about_a_missing_room_is_german(german: Client) -> None:
    response = german.get(url("projections_room_change", "cave"), follow=True)
    assert_german(response, "Der Raum „cave“ existiert derzeit nicht.")


def test_the_page_of_a_presence_is_german(german: Client, sessions: dict[str, int]) -> None:
    response = german.get(url("projections_presence_change", sessions["c5"]))
    assert_german(response, "Diese Verbindung aus dem Raum entfernen", "Beigetreten am", "Ereignisse des Raums")


@pytest.mark.parametrize(
    ("channel", "text"), [("c1", "Verlassen"), ("c2", "Die Verbindung endete zwischen"), ("c5", "Noch anwesend")]
)
def test_the_page_of_a_stay_is_german(channel: str, text: str, german: Client, sessions: dict[str, int]) -> None:
    assert_german(german.get(url("projections_presencesession_change", sessions[channel])), text, "Ereignisse (Zeiten")


@pytest.mark.usefixtures("sessions")
@pytest.mark.parametrize("kind", PresenceEvent.Kind.values)
def test_the_page_of_an_event_is_german(kind: str, german: Client) -> None:
    for event in PresenceEvent.objects.filter(kind=kind):
        response = german.get(url("presence_events_presenceevent_change", event.pk))
        assert_german(response, "Zeitleiste zu diesem Zeitpunkt", "Transaktion")


def test_making_connections_leave_is_german(german: Client, sessions: dict[str, int]) -> None:
    here = [sessions["c5"], sessions["c6"]]
    page = german.get(url("projections_presence_leave"), {"session": here})
    assert_german(page, "Verbindungen aus ihren Räumen entfernen", "Grund", "Nein, bitte abbrechen")
    gone = german.post(url("projections_presence_leave"), {"session": [here[0], sessions["c1"]]}, follow=True)
    assert_german(gone, "1 Verbindung hat ihren Raum verlassen. 1 hatte den Raum bereits verlassen.")
    Presence.objects.get(pk=here[1])


def test_the_names_of_models_are_german(german: Client) -> None:
    missing = german.get(url("projections_presence_change", 1), follow=True)
    assert_german(missing, "Anwesenheit mit ID „1“")


def test_pages_have_only_translated_texts(german: Client, user: Any, sessions: dict[str, int]) -> None:
    """A text that is the same in both languages is a name, or a word of both."""
    pages = [
        f"{url('presence_timeline')}?{urlencode({'room': 'hall', **SPAN, 'stay': sessions['c2']})}",
        f"{url('presence_timeline')}?{urlencode({'user': user.pk, **SPAN, 'stay': sessions['c5']})}",
        url("presence_timeline"),
        url("projections_room_change", "hall"),
        url("projections_presence_change", sessions["c5"]),
        url("projections_presencesession_change", sessions["c2"]),
        f"{url('projections_presence_leave')}?session={sessions['c5']}",
    ]
    names = {"admin", "ada", "grace", "hall", "c2 in hall", zone_name(), "Position"}
    names |= {str(config.verbose_name) for config in apps.get_app_configs() if config.name.startswith("tests.")}
    for page in pages:
        read = [
            Texts(german.get(page, headers={"Accept-Language": language}).content.decode()).found
            for language in ("en", LANGUAGE)
        ]
        alike = {re.sub(r"^\W+|\W+$", "", text) for text in read[0] & read[1]}
        assert {text for text in alike if re.search("[a-z]{3}", text, re.IGNORECASE)} <= names, page


@pytest.mark.usefixtures("sessions")
def test_english_on_a_page_is_detected(admin_client: Client) -> None:
    page = admin_client.get(url("presence_timeline"), {"room": "hall", **SPAN}, follow=True).content.decode()
    assert len(in_english(page)) > 50

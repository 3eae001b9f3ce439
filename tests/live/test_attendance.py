"""The pages of attendance in a real browser: layout, color schemes, printing and accessibility."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.urls import reverse
from playwright.sync_api import Page, expect

from projections.final_reports.annotating import annotate
from projections.final_reports.making import make_due_reports
from projections.final_reports.scheduling import schedule_report
from projections.models import AttendanceReport
from tests.backdating import Stay, write
from tests.live.operators import Operators

ROOT = Path(__file__).parent.parent.parent
START = datetime(2026, 3, 4, 18, tzinfo=UTC)
SPAN = "/admin/projections/attendancereport/span/?room=all-hands&from=2026-03-04T14:00:00Z&until=2026-03-04T15:00:00Z"


@pytest.fixture
def report(transactional_db: None, monkeypatch: pytest.MonkeyPatch, settings: Any) -> AttendanceReport:
    """The final report of the meeting in the history of the demo."""
    monkeypatch.syspath_prepend(ROOT / "docs" / "demo")
    settings.TIME_ZONE = "UTC"
    import_module("history.seed").seed(import_module("history.day").Day(START))
    return AttendanceReport.objects.get()


def look(operators: Operators, url: str, **options: Any) -> Page:
    page = operators.page(**options)
    page.add_init_script("localStorage.setItem('django.admin.navSidebarIsOpen', 'false')")
    page.goto(url)
    return page


def page_of(report: AttendanceReport) -> str:
    return reverse("admin:projections_attendancereport_change", args=[report.pk])


def test_a_room_leads_to_its_attendance_and_that_to_a_scheduled_report(
    operators: Operators, report: AttendanceReport
) -> None:
    page = look(operators, f"{SPAN}&expected=Chidi%0ANight+watch")
    expect(page.get_by_text("No user has the name Night watch")).to_be_visible()
    operators.errors.clear()  # the browser reports the status of the answer
    page.get_by_label("Expected:").fill("Chidi\nWanjiru Kamau")
    page.get_by_role("button", name="Show").click()
    expect(page.locator("tr.missing")).to_have_count(1)
    page.get_by_role("link", name="Schedule a final report of this span").click()
    page.get_by_label("Title:").fill("All hands, again")
    expect(page.get_by_label("Room:")).to_have_value("all-hands")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("link", name="All hands, again").first).to_be_visible()


def test_an_operator_annotates_a_report(operators: Operators, report: AttendanceReport) -> None:
    page = look(operators, page_of(report))
    page.get_by_label("About:").select_option("Chidi")
    page.get_by_label("Correction:").fill("He was there from two on.")
    page.get_by_label("Reason:").fill("He sat beside me.")
    page.get_by_role("button", name="Add the annotation").click()
    expect(page.get_by_text("The annotation was added.")).to_be_visible()
    expect(page.get_by_role("cell", name="He was there from two on.")).to_be_visible()


def test_axe_finds_nothing_serious_in_either_color_scheme(operators: Operators, report: AttendanceReport) -> None:
    annotate(report, _operator(), "All were there.", "I counted.")
    for url in (SPAN, page_of(report)):
        page = look(operators, url)
        assert operators.errors == []
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
            # The admin animates the change of link colors.
            page.evaluate("Promise.all(document.getAnimations().map(({ finished }) => finished))")
            found = Axe().run(page, "#content-main").response["violations"]
            assert [
                (each["id"], [node["html"] for node in each["nodes"]])
                for each in found
                if each["impact"] in ("serious", "critical")
            ] == []
        # Axe sets inline styles, which the policy refuses.
        operators.errors.clear()


def test_the_own_page_is_accessible_and_fits_a_narrow_screen(operators: Operators, tmp_path: Path) -> None:
    now = datetime.now(UTC)
    start = now - timedelta(hours=2)
    write(Stay("planning", "tab", _operator(), start, now - timedelta(hours=1), "prune", now - timedelta(hours=1.5)))
    schedule_report("planning", "Weekly planning", start, now - timedelta(hours=1))
    make_due_reports("default")
    for width in (390, 1280):
        page = look(operators, reverse("presence_own_attendance"), viewport={"width": width, "height": 700})
        expect(page.get_by_role("rowheader", name="Weekly planning")).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
            directory = Path(os.environ.get("PRESENCE_LOOK", tmp_path))
            page.screenshot(path=directory / f"own-{width}-{scheme}.png", full_page=True)
            assert operators.errors == []
            assert Axe().run(page).response["violations"] == []
            operators.errors.clear()


@pytest.mark.parametrize("width", [390, 1280, 1600])
def test_the_pages_fit_the_screen(operators: Operators, report: AttendanceReport, width: int, tmp_path: Path) -> None:
    annotate(report, _operator(), "All were there.", "I counted.")
    directory = Path(os.environ.get("PRESENCE_LOOK", tmp_path))
    for name, url in (("span", SPAN), ("report", page_of(report))):
        page = look(operators, url, viewport={"width": width, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        box = page.locator(".attendance-curve").bounding_box()
        assert box is not None
        assert 300 < box["width"] <= width
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
            page.screenshot(path=directory / f"{name}-{width}-{scheme}.png", animations="disabled", full_page=True)


def test_a_printed_page_has_the_sheet_without_forms_and_links(
    operators: Operators, report: AttendanceReport, tmp_path: Path
) -> None:
    page = look(operators, page_of(report))
    page.emulate_media(media="print")
    for hidden in ("#header", ".attendance-links", ".attendance-annotate", ".breadcrumbs"):
        expect(page.locator(hidden).first).to_be_hidden()
    for shown in (".attendance-curve", "#attendance-people", ".attendance-basis"):
        expect(page.locator(shown)).to_be_visible()
    page.set_viewport_size({"width": 700, "height": 900})
    scroller = page.locator(".attendance-scroller")
    assert scroller.evaluate("element => getComputedStyle(element).overflowX") == "visible"
    page.screenshot(path=Path(os.environ.get("PRESENCE_LOOK", tmp_path)) / "print.png", full_page=True)


def test_the_screenshots_of_the_documentation(operators: Operators, report: AttendanceReport, tmp_path: Path) -> None:
    """Takes the screenshots. They replace those in docs/images if PRESENCE_SCREENSHOTS is set."""
    directory = ROOT / "docs" / "images" if os.environ.get("PRESENCE_SCREENSHOTS") else tmp_path
    page = look(operators, page_of(report), device_scale_factor=2, viewport={"width": 1280, "height": 1010})
    expect(page.locator("#attendance-people tbody tr.missing").first).to_be_attached()
    page.evaluate("scrollTo(0, 60)")
    for scheme, file in (("light", "attendance.png"), ("dark", "attendance-dark.png")):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        page.screenshot(path=directory / file, animations="disabled")
        assert (directory / file).stat().st_size > 50_000


def _operator() -> Any:
    from django.contrib.auth import get_user_model

    return get_user_model().objects.get(username="operator")

"""The built site in Chromium: where a chapter is in the course, and which pages the menu lists."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser

GROUPS = ["Start", "Course", "Tasks", "Guides", "Results", "API reference", "Project"]


def test_chapter_names_its_place_and_its_neighbors(browser: Browser, site: str) -> None:
    page = browser.new_page()
    page.goto(f"{site}/course/05-hihello/")
    line = page.locator(".chapter")
    assert re.fullmatch(
        r"Chapter 5 of \d\d · Previous: 4 · [^·]+ · Next: 6 · [^·]+", line.inner_text()
    )
    line.get_by_role("link").last.click()
    page.wait_for_url("**/course/06-whole-sequence/")
    assert page.locator(".chapter").inner_text().startswith("Chapter 6 of ")


@pytest.mark.parametrize("path", ["", "guides/many-seeds/", "api/models/"])
def test_wide_menu_lists_the_groups_and_one_of_them(
    browser: Browser, site: str, path: str
) -> None:
    page = browser.new_page(viewport={"width": 1300, "height": 900})
    page.goto(f"{site}/{path}")
    assert [each.strip() for each in page.locator(".md-tabs__link").all_inner_texts()] == GROUPS
    links = page.locator(".md-sidebar--primary a.md-nav__link").all()
    shown = [link for link in links if link.bounding_box() and link.is_visible()]
    assert 3 <= len(shown) <= 20


def test_narrow_menu_opens_at_the_group_of_the_page(browser: Browser, site: str) -> None:
    page = browser.new_page(viewport={"width": 390, "height": 800})
    page.goto(f"{site}/guides/many-seeds/")
    page.locator(".md-header label[for=__drawer]").click()
    page.wait_for_timeout(500)  # milliseconds: the drawer slides in
    drawer = page.locator(".md-sidebar--primary").bounding_box()
    assert drawer
    assert drawer["x"] == pytest.approx(0, abs=1)
    for name, is_shown in (("Your own model", True), ("On a GPU", False)):
        link = page.locator(".md-nav--primary").get_by_role("link", name=name, exact=True)
        box = link.bounding_box()
        # Pages of other groups are beside the drawer, in lists that slide in when they are opened.
        assert (box is not None and 0 <= box["x"] < drawer["width"]) == is_shown

"""The built site in Chromium: what a reader sees, and what assistive technology is told."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Browser


def test_home_page_opens_without_an_error(browser: Browser, site: str) -> None:
    page = browser.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(site)
    assert page.title() == "seqtoys"
    assert not errors

"""The built site in Chromium: what a reader sees, and what assistive technology is told."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError
from urllib.parse import urldefrag, urljoin
from urllib.request import Request, urlopen

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, ConsoleMessage, Page, ViewportSize

WIDE: ViewportSize = {"width": 1300, "height": 1900}
NARROW: ViewportSize = {"width": 390, "height": 844}
SCHEMES = {"light": "default", "dark": "slate"}
STILL = "*, *::before, *::after { transition: none !important; animation: none !important }"
READ = """() => {
  const shown = (each) => each.checkVisibility();
  const named = (each) =>
    ((each.closest("[role=img]") ?? each).getAttribute("aria-label") || "").trim().length;
  const scrolls = (each) => each.scrollWidth > each.clientWidth + 1 &&
    ["auto", "scroll"].includes(getComputedStyle(each).overflowX);
  const about = (each) => each.outerHTML.slice(0, 120);
  const pictures = [...document.querySelectorAll(".md-content :is(svg, img)")]
    .filter((each) => !each.closest("a, button, label, .md-icon") && shown(each));
  return {
    overflow: document.documentElement.scrollWidth - innerWidth,
    unnamed: pictures.filter((each) => !named(each) && !each.alt).map(about),
    unfocusable: [...document.querySelectorAll(".md-content *")]
      .filter((each) => shown(each) && scrolls(each))
      .filter((each) => each.tabIndex < 0 || !named(each)).map(about),
  };
}"""
# The size in pixels and the contrast of each text of a figure that is drawn, with its words.
TEXTS = """() => {
  const linear = (c) => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  const canvas = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
  const known = {};
  const read = (colour) => known[colour] ??= pixel(colour);
  const pixel = (colour) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data].map((v) => v / 255);
  };
  const over = (top, bottom, alpha) =>
    [0, 1, 2].map((i) => top[i] * top[3] * alpha + bottom[i] * (1 - top[3] * alpha));
  const luminance = (c) =>
    0.2126 * linear(c[0]) + 0.7152 * linear(c[1]) + 0.0722 * linear(c[2]);
  const contrast = (one, other) => {
    const [low, high] = [luminance(one), luminance(other)].sort((a, b) => a - b);
    return (high + 0.05) / (low + 0.05);
  };
  const page = read(getComputedStyle(document.body).backgroundColor);
  const texts = [...document.querySelectorAll(".figure svg text")];
  return texts.filter((each) => each.textContent.trim()).map((each) => {
    const style = getComputedStyle(each);
    const alpha = Number(style.opacity) * Number(style.fillOpacity);
    const scale = each.getScreenCTM();
    return {
      size: parseFloat(style.fontSize) * Math.hypot(scale.a, scale.b),
      contrast: alpha === 0 ? 21 : contrast(over(read(style.fill), page, alpha), page),
      text: each.textContent,
    };
  });
}"""


@dataclass
class Visit:
    """What one page shows.

    Attributes:
        violations: What axe-core finds, by mode.
        overflow: By how many pixels the narrow page is too wide.
        errors: What the console reports.
        requests: The addresses that the page asks for.
        unnamed: The pictures without a text alternative.
        unfocusable: The parts that scroll, but not by keyboard.
        small: The texts in figures that are too small on the narrow page.
        faint: The texts in figures with too little contrast, by mode.
    """

    violations: list[str] = field(default_factory=list)
    overflow: float = 0
    errors: list[str] = field(default_factory=list)
    requests: set[str] = field(default_factory=set)
    unnamed: list[str] = field(default_factory=list)
    unfocusable: list[str] = field(default_factory=list)
    small: list[str] = field(default_factory=list)
    faint: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def index(site: str) -> list[dict[str, str]]:
    """Return the entries of the search index."""
    with urlopen(f"{site}/search/search_index.json") as file:
        return list(json.load(file)["docs"])


@pytest.fixture(scope="module")
def names(index: list[dict[str, str]]) -> list[str]:
    """Return the addresses of all pages, relative to the site."""
    return list(dict.fromkeys(urldefrag(entry["location"])[0] for entry in index))


@pytest.fixture(scope="module")
def visits(browser: Browser, site: str, names: list[str]) -> dict[str, Visit]:
    """Open every page once, in both sizes and both color schemes."""
    return {name: visited(browser, f"{site}/{name}") for name in names}


def visited(browser: Browser, address: str) -> Visit:
    visit, page = Visit(), browser.new_page(viewport=WIDE, reduced_motion="reduce")
    page.on("pageerror", lambda error: visit.errors.append(str(error)))
    page.on("console", lambda message: visit.errors.extend([message.text] * is_bad(message)))
    page.on("request", lambda request: visit.requests.add(request.url))
    page.goto(address)
    page.add_style_tag(content=STILL)
    page.evaluate("document.querySelectorAll('.numbers').forEach((each) => { each.open = true })")
    for size in (WIDE, NARROW):
        page.set_viewport_size(size)
        page.evaluate("() => new Promise(requestAnimationFrame)")
        for scheme, name in SCHEMES.items():
            page.evaluate("(s) => document.body.setAttribute('data-md-color-scheme', s)", name)
            mode = f"{scheme}, {size['width']}"
            # Only colors depend on the scheme.
            visit.violations += violations(page, mode, only_colors=scheme == "dark")
            texts = page.evaluate(TEXTS)
            visit.faint += [f"{mode}: {each}" for each in texts if each["contrast"] < 4.5]
        found = page.evaluate(READ)
        visit.unnamed += found["unnamed"]
        visit.unfocusable += found["unfocusable"]
    visit.overflow = found["overflow"]
    visit.small = [text for text in texts if text["size"] < 9]
    page.close()
    return visit


def is_bad(message: ConsoleMessage) -> bool:
    return message.type in ("error", "warning")


def violations(page: Page, mode: str, *, only_colors: bool) -> list[str]:
    from axe_playwright_python.sync_playwright import Axe

    options: dict[str, Any] = {"resultTypes": ["violations"]}
    if only_colors:
        options["runOnly"] = ["color-contrast", "link-in-text-block"]
    found = Axe().run(page, options=options).response["violations"]
    return [
        f"{mode}: {rule['id']} {node['target']}: {node['html'][:150]}"
        for rule in found
        for node in rule["nodes"]
    ]


def test_axe_finds_no_violation_on_any_page(visits: dict[str, Visit]) -> None:
    assert {name: v.violations for name, v in visits.items() if v.violations} == {}


def test_no_page_is_wider_than_a_phone(visits: dict[str, Visit]) -> None:
    assert {name: v.overflow for name, v in visits.items() if v.overflow > 0} == {}


def test_no_page_reports_an_error_or_asks_another_host(
    visits: dict[str, Visit], site: str
) -> None:
    assert {name: v.errors for name, v in visits.items() if v.errors} == {}
    asked = {request for visit in visits.values() for request in visit.requests}
    assert [request for request in asked if not request.startswith((site, "data:", "blob:"))] == []


def test_every_picture_has_a_text_alternative(visits: dict[str, Visit]) -> None:
    assert {name: v.unnamed for name, v in visits.items() if v.unnamed} == {}


def test_what_scrolls_can_be_scrolled_by_keyboard(visits: dict[str, Visit]) -> None:
    assert {name: v.unfocusable for name, v in visits.items() if v.unfocusable} == {}


def test_text_in_figures_is_legible(visits: dict[str, Visit]) -> None:
    assert {name: v.small for name, v in visits.items() if v.small} == {}
    assert {name: v.faint for name, v in visits.items() if v.faint} == {}


class Anchors(HTMLParser):
    """The links of a page, and the places in it that a link can lead to.

    The link to the PDF is in a hidden paragraph until the PDF has been made; it is left out.
    """

    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []
        self.places: set[str] = {""}
        self._is_hidden = False  # inside a hidden paragraph

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if tag == "p":
            self._is_hidden = "hidden" in found
        if tag == "a" and self._is_hidden:
            return
        self.places |= {value for key in ("id", "name") if (value := found.get(key))}
        self.links += [value for key in ("href", "src") if (value := found.get(key))]


def test_every_link_within_the_site_leads_somewhere(site: str, names: list[str]) -> None:
    pages: dict[str, Anchors] = {}
    for name in names:
        pages[f"{site}/{name}"] = anchors = Anchors()
        with urlopen(f"{site}/{name}") as file:
            anchors.feed(file.read().decode())
    links = {
        (address, *urldefrag(urljoin(address, link)))
        for address, anchors in pages.items()
        for link in anchors.links
    }
    within = {link for link in links if link[1].startswith(site)}
    assert len(within) > len(names)
    files = {target for _, target, _ in within if target not in pages}
    broken = [target for target in files if not answers(target)]
    broken += [
        f"{address}: {target}#{place}"
        for address, target, place in within
        if target in pages and place not in pages[target].places and not is_setting(place)
    ]
    assert broken == []


def is_setting(place: str) -> bool:
    """Whether what follows the # is not a place, but settings of the lab."""
    return "=" in place


def answers(address: str) -> bool:
    try:
        with urlopen(Request(address, method="HEAD")):
            return True
    except HTTPError:
        return False


def test_search_finds_words_and_no_letters_of_figures(index: list[dict[str, str]]) -> None:
    texts = {entry["location"]: f"{entry['title']} {entry['text']}" for entry in index}
    assert any("08-memorising" in at and "overfitting" in text for at, text in texts.items())
    # The ticks of an axis, one after the other, are in a figure only.
    assert not [at for at, text in texts.items() if re.search(r"\b0\s+20\s+40\s+60\b", text)]


def test_animation_can_be_paused_and_respects_reduced_motion(browser: Browser, site: str) -> None:
    address = f"{site}/course/05-hihello/"
    moving = "document.querySelector('.figure svg:has(animate)').getCurrentTime()"
    page = browser.new_page()
    page.goto(address)
    page.get_by_role("button", name="Pause").click()
    stopped = page.evaluate(moving)
    page.wait_for_timeout(100)
    assert page.evaluate(moving) == stopped
    page.get_by_role("button", name="Resume").click()
    page.wait_for_timeout(100)
    assert page.evaluate(moving) > stopped
    page.close()
    still = browser.new_page(reduced_motion="reduce")
    still.goto(address)
    still.get_by_role("button", name="Play").wait_for()
    shown = "getComputedStyle(document.querySelector('.figure svg circle animate').parentNode).cx"
    end = still.evaluate(shown)
    still.get_by_role("button", name="Play").click()
    still.wait_for_timeout(100)
    assert float(still.evaluate(shown)[:-2]) < float(end[:-2])  # it showed the last epoch
    still.close()

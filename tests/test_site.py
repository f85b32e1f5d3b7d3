"""The built site in Chromium: what a reader sees, and what assistive technology is told."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any
from urllib.parse import urldefrag, urljoin, urlparse
from urllib.request import urlopen

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

WIDE, NARROW = {"width": 1300, "height": 1900}, {"width": 390, "height": 844}
SCHEMES = {"light": "default", "dark": "slate"}
STILL = "*, *::before, *::after { transition: none !important; animation: none !important }"
READ = """() => {
  const shown = (each) => each.checkVisibility();
  const named = (each) => (each.getAttribute("aria-label") || "").trim().length;
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
def visits(browser: Browser, site: str, names: list[str]) -> Iterator[dict[str, Visit]]:
    """Open every page once, in both sizes and both color schemes."""
    page = browser.new_page(reduced_motion="reduce")
    yield {name: visited(page, f"{site}/{name}") for name in names}
    page.close()


def visited(page: Page, address: str) -> Visit:
    visit = Visit()
    page.on("pageerror", lambda error: visit.errors.append(str(error)))
    page.on("console", lambda message: visit.errors.extend(
        [message.text] if message.type in ("error", "warning") else []))  # fmt: skip
    page.on("request", lambda request: visit.requests.add(request.url))
    page.set_viewport_size(WIDE)  # type: ignore[arg-type]
    page.goto(address)
    page.add_style_tag(content=STILL)
    for size in (WIDE, NARROW):
        page.set_viewport_size(size)  # type: ignore[arg-type]
        page.evaluate("() => new Promise(requestAnimationFrame)")
        for scheme, name in SCHEMES.items():
            page.evaluate("(s) => document.body.setAttribute('data-md-color-scheme', s)", name)
            mode = f"{scheme}, {size['width']}"
            # Only colors depend on the scheme.
            visit.violations += violations(page, mode, only_colors=scheme == "dark")
            texts = page.evaluate(TEXTS)
            visit.faint += [f"{mode}: {t}" for t in texts if t["contrast"] < 4.5]
        found = page.evaluate(READ)
        visit.unnamed += found["unnamed"]
        visit.unfocusable += found["unfocusable"]
    visit.overflow = found["overflow"]
    visit.small = [text for text in texts if text["size"] < 9]
    for event in ("pageerror", "console", "request"):
        page.remove_all_listeners(event) if hasattr(page, "remove_all_listeners") else None
    return visit


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

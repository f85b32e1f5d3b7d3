"""The README's figure: made again from the library, it is the one in the repository."""

from __future__ import annotations

import base64
import re
from io import BytesIO
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from matplotlib.image import imread
from tools.figures import home

IMAGE = re.compile(r"data:image/png;base64,\s*([A-Za-z0-9+/=\s]+)")
NAME = re.compile(r'(?:#|id=")[a-z][a-z0-9]{8,}')  # hashes of what they name
NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
MOVED = 1.0  # points, or percent of the networks: the last digits of a loss differ by processor
FADED = 0.01  # of the full brightness, on average


def parts_of(svg: str) -> tuple[list[str], list[float], np.ndarray]:
    """Split an SVG into its words, its numbers and the image of the thousand curves."""
    (encoded,) = IMAGE.findall(svg)
    rest = NAME.sub("", IMAGE.sub("", svg))
    image = imread(BytesIO(base64.b64decode(encoded)))
    return NUMBER.split(rest), [float(number) for number in NUMBER.findall(rest)], image


@pytest.fixture(scope="module")
def made() -> dict[Path, str]:
    return home.files(home.drawn())


def test_figure_in_the_repository_is_the_one_that_the_library_makes(made: dict[Path, str]) -> None:
    assert set(home.FOLDER.glob("thousand-curves-*")) == set(made)
    for path, svg in made.items():
        words, numbers, image = parts_of(path.read_text(encoding="utf-8").strip())
        words_again, numbers_again, image_again = parts_of(svg)
        assert words == words_again
        assert numbers == pytest.approx(numbers_again, abs=MOVED)
        assert np.abs(image - image_again).mean() < FADED


def test_readme_shows_the_figure_in_both_schemes(made: dict[Path, str]) -> None:
    readme = Path("README.md").read_text(encoding="utf-8")
    for path in made:
        assert f'"docs/figures/{path.name}"' in readme


def test_figure_is_a_file_that_browsers_show() -> None:
    for path in home.FOLDER.glob("thousand-curves-*"):
        assert ElementTree.parse(path).getroot().get("role") == "img"

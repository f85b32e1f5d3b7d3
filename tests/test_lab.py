"""The lab: the network in the page has the numbers of the library, in Node and in Chromium."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch
from tools.teaching.lab import SCRIPTS, tags

from seqtoys import ElmanCharModel, ElmanEnsemble, Vocab, fit
from seqtoys.results import History, Proportion
from tests.browsers import SITE

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

FOLDER = Path("docs/javascripts/lab")
NUMERICS = SCRIPTS[:3]  # they use nothing of a page
CHAPTERS = ["03-elman", "04-by-hand", "05-hihello", "06-whole-sequence", "07-luck"]
PANGRAM = "the quick brown fox jumps over the lazy dog"
SETTINGS = [  # text, units, seed
    ("hihello", None, 777),
    ("hihello", None, 0),
    ("hihello", 5, 2**32 - 1),
    ("mississippi", 16, 3),
    (PANGRAM, 16, 1),  # more weights than the generator makes at once
    ("a\N{SNOWMAN}\N{GRINNING FACE}a\N{GRINNING FACE}", 2, 4),
    ("aab", 1, 5),
]
EPOCHS, RATE = 10, 0.05

Engine = Callable[[str, Any], Any]
"""Runs the body of a JavaScript function of `input`."""

TRAIN = """
const { Network, Trainer, symbolsOf } = seqtoysLab;
const { text, units, seed, epochs, rate } = input;
const network = new Network(symbolsOf(text), units, seed);
const lists = () => Object.fromEntries(
  Object.entries(network.weights).map(([name, weight]) => [name, [...weight]]));
const read = () => network.read(trainer.inputs).map(({ state, chances, guess }) => (
  { state: [...state], chances: [...chances], guess }));
const trainer = new Trainer(network, text);
const before = { weights: lists(), steps: read() };
for (let i = 0; i < epochs; i++) trainer.epoch(rate);
return { before, after: { weights: lists(), steps: read() }, losses: trainer.losses };
"""
COUNT = """
const { Network, Trainer, symbolsOf } = seqtoysLab;
return Array.from({ length: input }, (_, seed) => {
  const trainer = new Trainer(new Network(symbolsOf("hihello"), null, seed), "hihello");
  let isSolved;
  for (let i = 0; i < 100; i++) isSolved = trainer.epoch(0.05);
  return isSolved;
});
"""


def run_in_node(body: str, argument: Any) -> Any:
    """Run a function of the lab in Node, or skip the test where there is none."""
    driver = find_spec("playwright")
    bundled = Path(driver.origin).parent / "driver/node" if driver and driver.origin else Path()
    node = shutil.which("node") or (str(bundled) if bundled.is_file() else None)
    if node is None:
        pytest.skip("needs Node, or the package playwright, which contains it")
    parts = [(FOLDER / f"{name}.js").read_text() for name in NUMERICS]
    call = f"const run = (input) => {{{body}}}; "
    call += f"console.log(JSON.stringify(run({json.dumps(argument)})));"
    command = [node, "--input-type=commonjs"]
    ran = subprocess.run(command, input="\n".join([*parts, call]), capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout)


@pytest.fixture(params=["node", "chromium"])
def engine(request: pytest.FixtureRequest) -> Engine:
    """Run JavaScript in Node, and in a page of the site that has a lab."""
    if request.param == "node":
        return run_in_node
    page: Page = request.getfixturevalue("open_page")
    return lambda body, argument: page.evaluate(f"(input) => {{{body}}}", argument)


@pytest.fixture(scope="module")
def open_page(browser: Browser, site: str) -> Iterator[Page]:
    """Open the page of the lab once, for tests that only compute."""
    page = browser.new_page()
    page.goto(f"{site}/lab/")
    yield page
    page.close()


@pytest.fixture
def lab_page(browser: Browser, site: str) -> Iterator[Page]:
    """Open the page of the lab; no page may have an error or ask another host for anything."""
    page = browser.new_page(reduced_motion="reduce")
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("request", lambda asked: errors.extend([asked.url] * (site not in asked.url)))
    page.goto(f"{site}/lab/")
    yield page
    page.close()
    assert not errors


def trained(
    text: str, units: int | None, seed: int, epochs: int, rate: float = RATE
) -> tuple[ElmanCharModel, History]:
    """Train the library's network in double precision."""
    model = ElmanCharModel(Vocab.from_text(text), hidden_size=units, seed=seed).double()
    return model, fit(model, text, epochs=epochs, lr=rate)


def flat_weights(model: ElmanCharModel) -> list[list[float]]:
    """Return the weights in the order in which PyTorch draws them."""
    return [weight.flatten().tolist() for weight in model.state_dict().values()]


def check_steps(
    steps: list[dict[str, Any]], model: ElmanCharModel, text: str, atol: float
) -> None:
    """Compare states, probabilities and predictions of a text with those of the library."""
    trace = model.trace(text[:-1])
    states = torch.tensor([step["state"] for step in steps])
    chances = torch.tensor([step["chances"] for step in steps])
    assert torch.allclose(states, torch.tensor(trace.hidden).float(), atol=atol)
    assert torch.allclose(chances, torch.tensor(trace.probabilities).float(), atol=atol)
    assert model.vocab.decode([step["guess"] for step in steps]) == model.predict(text[:-1])


@pytest.mark.parametrize(("text", "units", "seed"), SETTINGS, ids=str)
def test_numbers_are_those_of_the_library(
    engine: Engine, text: str, units: int | None, seed: int
) -> None:
    settings = {"text": text, "units": units, "seed": seed, "epochs": EPOCHS, "rate": RATE}
    ran = engine(TRAIN, settings)
    initial = ElmanCharModel(Vocab.from_text(text), hidden_size=units, seed=seed)
    assert list(ran["before"]["weights"].values()) == flat_weights(initial)
    check_steps(ran["before"]["steps"], initial, text, atol=1e-6)
    model, history = trained(text, units, seed, EPOCHS)
    assert ran["losses"] == pytest.approx(history.loss, abs=1e-10)
    for found, expected in zip(ran["after"]["weights"].values(), flat_weights(model), strict=True):
        assert found == pytest.approx(expected, abs=1e-6)
    check_steps(ran["after"]["steps"], model, text, atol=1e-5)
    single = fit(initial, text, epochs=EPOCHS, lr=RATE)
    assert ran["losses"] == pytest.approx(single.loss, abs=1e-5)
    check_steps(ran["after"]["steps"], initial, text, atol=1e-5)


def test_the_same_seeds_learn_it(engine: Engine) -> None:
    ensemble = ElmanEnsemble(Vocab("hielo"), range(100))
    history = fit(ensemble, "hihello", epochs=100, lr=0.05)
    assert engine(COUNT, 100) == history.solved.tolist()


@pytest.mark.parametrize("text", ["hihello", "mississippi", "abc", "\N{GRINNING FACE}a" * 2])
def test_losses_to_compare_with(engine: Engine, text: str) -> None:
    body = """
    const { memorylessLoss, symbolsOf, tanhFloor } = seqtoysLab;
    return [memorylessLoss(input), tanhFloor(symbolsOf(input).length)];
    """
    history = trained(text, None, 0, 1)[1]
    expected = [history.baselines.memoryless, history.loss_floor]
    assert engine(body, text) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(("count", "trials"), [(785, 1000), (4, 10), (5, 9)])
def test_intervals_of_proportions(engine: Engine, count: int, trials: int) -> None:
    rate = Proportion(count, trials)
    found = engine("return seqtoysLab.interval(...input)", [count, trials])
    assert found == pytest.approx([rate.low, rate.high], abs=1e-6)


def test_every_script_is_loaded_after_those_it_needs() -> None:
    assert {path.stem for path in FOLDER.iterdir()} == set(SCRIPTS)
    assert re.findall(r"lab/(\w+)\.js", tags("lab/")) == list(SCRIPTS)
    made: set[str] = set()
    for name in SCRIPTS:
        source = (FOLDER / f"{name}.js").read_text()
        needed = re.findall(r"const \{([^}]*)\} = seqtoysLab;", source)
        assert set(re.findall(r"\w+", " ".join(needed))) <= made, name
        made |= set(re.findall(r"\w+", source)) if "Object.assign(seqtoysLab" in source else set()


def status(page: Page) -> str:
    """Return what the page reports about the training."""
    text: str = page.locator(".lab-status").first.inner_text()
    return text


def rows(page: Page) -> dict[str, list[list[str]]]:
    """Return the rows of each part of the table of steps."""
    found: dict[str, list[list[str]]] = page.evaluate("""() => {
      const [states, chances] = document.querySelectorAll(".lab-scroll tbody");
      const cells = (part) => [...part.querySelectorAll("tr")]
        .map((row) => [...row.querySelectorAll("td")].map((cell) => cell.textContent))
        .filter((row) => row.length);
      return { states: cells(states), chances: cells(chances) };
    }""")
    return found


def test_train_a_word_of_your_own(lab_page: Page) -> None:
    lab_page.get_by_label("Text to learn").fill("banana")
    lab_page.get_by_label("Seed").fill("12")
    lab_page.get_by_role("button", name="Train 100 epochs").click()
    lab_page.wait_for_function("document.querySelector('.lab-status').ariaLive === 'polite'")
    model, history = trained("banana", None, 12, 100)
    assert f"Seed 12, epoch 100, loss {history.loss[-1]:.4f}: predicts" in status(lab_page)
    assert f"\N{LEFT DOUBLE QUOTATION MARK}{model.predict('banan')}" in status(lab_page)
    trace, found = model.trace("banan"), rows(lab_page)
    shown = torch.tensor(
        [[float(x.replace("\N{MINUS SIGN}", "-")) for x in row] for row in found["states"]]
    )
    assert torch.allclose(shown, torch.tensor(trace.hidden.T).float(), atol=0.0051)
    percents = torch.tensor([[float(x) for x in row] for row in found["chances"]])
    assert torch.allclose(percents, 100 * torch.tensor(trace.probabilities.T).float(), atol=0.51)
    code = lab_page.locator(".lab-code").inner_text()
    names: dict[str, Any] = {}
    exec(code.replace("print(", "said = ("), names)
    assert names["said"] == model.predict("banan")
    assert "#text=banana&seed=12&rate=0.05" in lab_page.url


def test_training_can_be_paused(browser: Browser, site: str) -> None:
    page = browser.new_page()
    page.goto(f"{site}/course/05-hihello/")
    page.get_by_role("button", name="Train 100 epochs").click()
    page.get_by_role("region", name="Train").get_by_role("button", name="Pause").click()
    paused = status(page)
    found = re.search(r"epoch (\d+), loss (\d\.\d+)", paused)
    assert found is not None
    epochs = int(found[1])
    assert 0 < epochs < 100
    page.wait_for_timeout(100)
    assert status(page) == paused
    page.get_by_role("button", name="One epoch").click()
    history = trained("hihello", None, 777, epochs + 1, rate=0.005)[1]
    assert f"epoch {epochs + 1}, loss {history.loss[-1]:.4f}" in status(page)
    page.close()


def test_memory_can_be_taken_away_and_given_back(browser: Browser, site: str) -> None:
    page = browser.new_page()
    page.goto(f"{site}/course/03-elman/")
    said = page.locator(".lab [aria-live]").last
    model = trained("hihello", None, 777, 100)[0]
    before = model.predict("hihell")
    assert f"predicts \N{LEFT DOUBLE QUOTATION MARK}{before}" in said.inner_text()
    page.get_by_role("button", name="V = 0").click()
    model.state_dict()["rnn.weight_hh_l0"].zero_()
    assert f"predicts \N{LEFT DOUBLE QUOTATION MARK}{model.predict('hihell')}" in said.inner_text()
    page.get_by_role("button", name="Undo changes").click()
    assert f"predicts \N{LEFT DOUBLE QUOTATION MARK}{before}" in said.inner_text()
    page.close()


def test_a_weight_can_be_changed_by_mouse_and_by_keyboard(lab_page: Page) -> None:
    cells = lab_page.get_by_role("grid", name="The matrix V").get_by_role("button")
    first = flat_weights(ElmanCharModel(Vocab("hielo"), seed=777))[1][0]
    cells.first.scroll_into_view_if_needed()
    place = cells.first.bounding_box()
    assert place is not None
    lab_page.mouse.move(place["x"] + 5, place["y"] + 5)
    lab_page.mouse.down()
    lab_page.mouse.move(place["x"] + 55, place["y"] + 5)
    lab_page.mouse.up()
    assert float(cells.first.inner_text()) == pytest.approx(first + 1, abs=0.0051)
    cells.first.press("ArrowDown")
    assert "from h to i" in lab_page.locator(".lab-slider").inner_text()
    slider = lab_page.get_by_role("slider")
    slider.press("End")
    assert cells.nth(5).inner_text() == "4.00"


def test_steps_by_keyboard(lab_page: Page) -> None:
    region = lab_page.get_by_role("region", name=re.compile("a column per step"))
    region.press("ArrowRight")
    region.press("ArrowRight")
    said = lab_page.locator(".lab-scroll + p")
    model = ElmanCharModel(Vocab("hielo"), seed=777)
    surest = model.trace("hi").probabilities[1].max()
    assert "Step 2 of 6: reads \N{LEFT DOUBLE QUOTATION MARK}i" in said.inner_text()
    assert f"{surest:.0%}" in said.inner_text()
    region.press("ArrowLeft")
    assert "Step 1 of 6" in said.inner_text()


def test_unknown_letters_are_refused(lab_page: Page) -> None:
    field = lab_page.get_by_label("Text to read")
    field.fill("hix")
    assert (
        "expected letters among h i e l o, got x"
        in lab_page.get_by_role("alert").last.inner_text()
    )
    field.fill("hehe")
    assert not lab_page.get_by_role("alert").last.inner_text()
    assert len(rows(lab_page)["states"][0]) == 4


def test_a_thousand_seeds(lab_page: Page) -> None:
    lab_page.get_by_role("button", name="Train 1,000 seeds").click()
    lab_page.get_by_text("of 1,000 seeds learn it").wait_for(timeout=60_000)
    expected = fit(ElmanEnsemble(Vocab("hielo"), range(1000)), "hihello", epochs=100, lr=0.05)
    said = lab_page.locator(".lab-seeds .lab-status").inner_text()
    assert abs(int(said.partition(" ")[0]) - int(expected.solved.sum())) <= 2


def test_links_set_the_lab(lab_page: Page) -> None:
    lab_page.get_by_role("link", name="two units").click()
    assert lab_page.get_by_label("Hidden units").input_value() == "2"
    assert lab_page.get_by_role("region", name="The state as a point").is_visible()


def test_a_link_to_a_heading_keeps_the_training(lab_page: Page) -> None:
    lab_page.get_by_role("button", name="One epoch").click()
    before = status(lab_page)
    lab_page.evaluate("location.hash = 'things-to-try'")
    lab_page.wait_for_timeout(100)
    assert "epoch 1," in before
    assert status(lab_page) == before


def test_line_breaks_in_an_address_are_left_out(lab_page: Page) -> None:
    lab_page.evaluate("location.hash = 'text=a%0Ab%0D%09a'")
    lab_page.wait_for_function("document.querySelector('.lab-code').textContent.includes('ab')")
    model = ElmanCharModel(Vocab("ab\t"), seed=0)
    shown = "".join(model.predict("ab\t")).replace("\t", "\N{SYMBOL FOR HORIZONTAL TABULATION}")
    assert f"\N{LEFT DOUBLE QUOTATION MARK}{shown}" in status(lab_page)


@pytest.mark.parametrize("text", ["-1", "1.5", "", f"{2**32}"])
def test_other_seeds_are_refused(lab_page: Page, text: str) -> None:
    field = lab_page.get_by_label("Seed", exact=True)
    field.fill(text)
    assert (
        "expected a whole number from 0 to 4294967295"
        in lab_page.get_by_text("expected").inner_text()
    )
    assert field.get_attribute("aria-invalid") == "true"
    lab_page.get_by_role("button", name="One epoch").click()
    assert (field.input_value(), field.get_attribute("aria-invalid")) == ("777", "false")


def test_the_seed_after_the_last_is_the_first(lab_page: Page) -> None:
    lab_page.get_by_label("Seed", exact=True).fill(f"{2**32 - 1}")
    lab_page.get_by_role("button", name="Next seed").click()
    assert "Seed 0," in status(lab_page)


def test_alt_and_an_arrow_key_leave_the_table_alone(lab_page: Page) -> None:
    lab_page.evaluate("""() => addEventListener("keydown", (event) => {
      (window.kept ??= []).push(!event.defaultPrevented);
      event.preventDefault();
    })""")
    region = lab_page.get_by_role("region", name=re.compile("a column per step"))
    region.press("Alt+ArrowLeft")
    region.press("ArrowLeft")
    assert lab_page.evaluate("kept.slice(-1)") == [False]
    assert True in lab_page.evaluate("kept")
    cells = lab_page.get_by_role("grid", name="The matrix V").get_by_role("button")
    cells.nth(1).press("Alt+ArrowLeft")
    assert lab_page.evaluate("kept.slice(-1)") == [True]


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_chapters_have_a_network_or_else_a_figure(
    browser: Browser, site: str, chapter: str
) -> None:
    page = browser.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(f"{site}/course/{chapter}/")
    assert page.locator(".lab :is(button, select)").count()
    assert not errors
    page.close()
    unscripted = browser.new_page(java_script_enabled=False)
    unscripted.goto(f"{site}/course/{chapter}/")
    assert unscripted.locator(".lab .figure svg").first.is_visible()
    unscripted.close()


def test_lab_works_from_a_folder(browser: Browser, site: str) -> None:
    page = browser.new_page()
    folder = Path(os.environ.get(SITE, "site")).resolve()
    page.goto((folder / "lab/index.html").as_uri())
    page.get_by_role("button", name="One epoch").click()
    assert "epoch 1, loss" in status(page)
    page.close()

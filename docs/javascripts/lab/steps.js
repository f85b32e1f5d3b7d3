/* What a network does with each symbol: its state, the probabilities of the next symbol, its guess. */
"use strict";

{
  const { button, make, paint, panels, showing, signed, visible } = seqtoysLab;

  panels.steps = (lab) => {
    let key = "", states = [], chances = [], guesses = [];
    const table = make("table", { class: "lab-table" }), sentence = make("p", { "aria-live": "polite" });
    const region = make("div", { class: "lab-scroll", tabindex: 0, role: "region", keydown,
      "aria-label": "States and probabilities, a column per step" }, table);
    const back = button("\u2039 Back", () => move(-1)), next = button("Next \u203a", () => move(1));
    const all = button("All steps", () => lab.goTo(null));
    const title = "Step by step";

    function move(by) {
      const last = lab.steps.length - 1;
      const from = lab.position ?? (by > 0 ? -1 : last); // from all steps, Next begins again
      lab.goTo(Math.min(Math.max(from + by, 0), last));
    }

    function keydown(event) {
      const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (!by) return;
      event.preventDefault();
      move(by);
    }

    /** Build a row for each name, with an empty cell for each step; return the cells. */
    function rows(body, names, kind = "td") {
      return names.map((name) => {
        const cells = lab.steps.map(() => make(kind));
        body.append(make("tr", {}, make("th", { scope: "row" }, name), ...cells));
        return cells;
      });
    }

    function build() {
      const { symbols, units } = lab.network, columns = lab.steps.length + 1;
      const header = Array.from(lab.reading, (symbol) => make("th", { scope: "col" }, visible(symbol)));
      const heading = (name) => make("tr", {}, make("th", { colspan: columns, class: "lab-heading" }, make("span", {}, name)));
      const hidden = make("tbody", {}, heading("hidden state"));
      const next = make("tbody", {}, heading("probability of each next symbol, in %"));
      const foot = make("tfoot");
      states = rows(hidden, lab.unitNames());
      chances = rows(next, symbols.map(visible));
      [guesses] = rows(foot, ["predicts"]);
      table.replaceChildren(make("thead", {}, make("tr", {}, make("th", { scope: "row" }, "reads"), ...header)), hidden, next, foot);
    }

    function fill(step, t) {
      const { symbols } = lab.network, target = lab.targets[t], isLater = t > (lab.position ?? Infinity);
      step.state.forEach((value, i) => paint(states[i][t], value, signed(value)));
      step.chances.forEach((p, k) => {
        paint(chances[k][t], p, Math.round(100 * p));
        chances[k][t].classList.toggle("lab-target", k === target);
      });
      const verdict = target === undefined ? "" : step.guess === target ? " \u2713" : " \u2717";
      guesses[t].textContent = visible(symbols[step.guess]) + verdict;
      for (const row of [...states, ...chances, guesses]) row[t].classList.toggle("lab-later", isLater);
    }

    function describe() {
      const { symbols } = lab.network, t = lab.position, read = Array.from(lab.reading);
      if (t === null) {
        const said = lab.steps.map(({ guess }) => symbols[guess]).join("");
        return `Reads ${showing(lab.reading)} and predicts ${showing(said)}.`;
      }
      const { chances: p, guess } = lab.steps[t], target = lab.targets[t];
      const before = t ? ` after ${showing(read.slice(0, t))}` : " first, with a state of zeros";
      const answer = target === undefined ? "" : guess === target ? ", which is right" : `, but ${visible(symbols[target])} comes next`;
      return `Step ${t + 1} of ${read.length}: reads ${visible(read[t])}${before}. Predicts ${visible(symbols[guess])} with ${Math.round(100 * p[guess])}%${answer}.`;
    }

    function showCurrentColumn() {
      const cell = guesses[lab.position];
      if (cell) region.scrollLeft = cell.offsetLeft - region.clientWidth / 2;
    }

    function refresh(isRunning) {
      const now = JSON.stringify([lab.reading, lab.network.symbols, lab.network.units]);
      if (now !== key) build();
      key = now;
      lab.steps.forEach(fill);
      showCurrentColumn();
      const text = describe();
      if (!isRunning && sentence.textContent !== text) sentence.textContent = text;
    }

    return { title, element: make("div", {}, make("div", { class: "lab-buttons" }, back, next, all), region, sentence), refresh };
  };

  panels.map = (lab) => {
    const path = make("path", { fill: "none" }), letters = make("g");
    const frame = make("rect", { x: -1, y: -1, width: 2, height: 2 }), axes = make("path", { d: "M-1 0H1M0-1V1" });
    const svg = make("svg", { viewBox: "-1.1 -1.1 2.2 2.2", class: "lab-map", role: "img" }, frame, axes, path, letters);
    const places = make("p", { "aria-live": "polite" }), element = make("div", {}, svg, places);

    function refresh(isRunning) {
      element.hidden = lab.network.units !== 2;
      if (element.hidden) return;
      const walk = lab.steps.map(({ state: [x, y] }) => [x, -y]);
      const names = Array.from(lab.reading, visible), last = lab.position ?? walk.length - 1;
      path.setAttribute("d", `M0 0L${walk.slice(0, last + 1).join("L")}`);
      letters.replaceChildren(...walk.slice(0, last + 1).flatMap(([x, y], t) => [
        make("circle", { cx: x, cy: y, r: 0.025 }), make("text", { x: x + 0.04, y: y - 0.04 }, names[t])]));
      const text = walk.map(([x, y], t) => `${names[t]} (${signed(x)}, ${signed(-y)})`).join(", ");
      svg.ariaLabel = `The state after each symbol, as a point in the plane: ${text}`;
      if (!isRunning && places.textContent !== text) places.textContent = text;
    }

    return { title: "The state as a point", element, refresh };
  };
}

/* The weights of a network, which can be dragged, and the Python code that gives the same network. */
"use strict";

{
  const { button, make, paint, panels, signed, visible } = seqtoysLab;
  const LARGEST = 4, PER_PIXEL = 0.02, STRONG = 2;

  panels.weights = (lab) => {
    let cells = {}, key = "", chosen = null, saved = null, keptV = null;
    const grids = make("div", { class: "lab-matrices" }), name = make("span");
    const slider = make("input", { type: "range", min: -LARGEST, max: LARGEST, step: 0.01,
      input: () => edit(slider.valueAsNumber) });
    const memory = button("V = 0", toggleMemory), undo = button("Undo changes", restore);
    const field = make("label", { class: "lab-field lab-slider" }, name, slider);

    /** Return what the rows and columns of each matrix stand for. */
    function axes() {
      const units = lab.unitNames(), symbols = lab.network.symbols.map(visible);
      const all = { U: [units, symbols], V: [units, units], b: [units, [""]], W: [symbols, units], c: [symbols, [""]] };
      const wanted = lab.root.dataset.matrices?.split(" ") ?? Object.keys(all);
      return wanted.filter((each) => each in lab.network.weights || each === "b").map((each) => [each, ...all[each]]);
    }

    function valueOf([matrix, index]) {
      const { weights } = lab.network;
      return matrix === "b" ? weights.bIh[index] + weights.bHh[index] : weights[matrix][index];
    }

    function edit(value) {
      const [matrix, index] = chosen, { weights } = lab.network;
      save();
      if (matrix === "b") weights.bIh[index] = value - weights.bHh[index]; // only their sum matters
      else weights[matrix][index] = value;
      lab.refresh();
    }

    function save() {
      saved ??= Object.entries(lab.network.weights).map(([each, weight]) => [each, weight.slice()]);
      lab.isEdited = true;
    }

    function restore() {
      for (const [each, weight] of saved ?? []) lab.network.weights[each].set(weight);
      forget();
      lab.isEdited = false;
      lab.refresh();
    }

    function toggleMemory() {
      const { V } = lab.network.weights;
      save();
      if (keptV) V.set(keptV);
      keptV = keptV ? null : [V.slice(), V.fill(0)][0];
      lab.refresh();
    }

    function choose(matrix, index) {
      chosen = [matrix, index];
      refresh();
    }

    /** Change a weight while a finger or the mouse drags its cell sideways. */
    function drag(event, matrix, index) {
      choose(matrix, index);
      const start = event.clientX, from = valueOf(chosen), cell = event.currentTarget;
      cell.setPointerCapture(event.pointerId);
      cell.onpointermove = ({ clientX }) => {
        const moved = from + PER_PIXEL * (clientX - start);
        if (clientX !== start) edit(Math.min(Math.max(moved, -LARGEST), LARGEST));
      };
      cell.onpointerup = cell.onpointercancel = () => (cell.onpointermove = null);
    }

    function moveFocus(event, matrix, index, columns) {
      const by = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns }[event.key];
      const target = by && cells[matrix][index + by];
      if (!target) return;
      event.preventDefault();
      choose(matrix, index + by);
      target.focus();
    }

    function grid([matrix, rows, columns]) {
      const body = rows.map((row, i) => make("tr", { role: "row" }, make("th", { scope: "row" }, row), ...columns.map((column, j) => {
        const index = i * columns.length + j;
        const cell = make("button", { type: "button", pointerdown: (event) => drag(event, matrix, index),
          click: () => choose(matrix, index), keydown: (event) => moveFocus(event, matrix, index, columns.length) });
        cell.dataset.name = `${matrix}, ${column === "" ? "" : `from ${column} `}to ${row}`;
        cells[matrix].push(cell);
        return make("td", { role: "gridcell", class: "lab-weight" }, cell);
      })));
      const head = columns.map((column) => (column === "" ? make("td") : make("th", { scope: "col" }, column)));
      const table = make("table", { role: "grid", class: "lab-table", "aria-label": `The matrix ${matrix}` },
        make("tr", { role: "row" }, make("td"), ...head), ...body);
      return make("div", {}, make("p", { class: `lab-name lab-${matrix}` }, matrix), table);
    }

    function build(shown) {
      cells = Object.fromEntries(shown.map(([matrix]) => [matrix, []]));
      grids.replaceChildren(...shown.map(grid));
      chosen = [shown.some(([matrix]) => matrix === "V") ? "V" : shown[0][0], 0];
    }

    function refresh() {
      const shown = axes(), now = JSON.stringify(shown);
      if (now !== key) build(shown);
      key = now;
      const symbol = lab.position === null ? null : lab.inputs[lab.position], size = lab.network.symbols.length;
      for (const [matrix, list] of Object.entries(cells)) list.forEach((cell, index) => {
        const value = valueOf([matrix, index]), isChosen = matrix === chosen[0] && index === chosen[1];
        paint(cell, value, signed(value), STRONG);
        cell.ariaLabel = `${cell.dataset.name}: ${signed(value)}`;
        cell.tabIndex = isChosen || (matrix !== chosen[0] && index === 0) ? 0 : -1;
        cell.classList.toggle("lab-chosen", isChosen);
        cell.classList.toggle("lab-used", matrix === "U" && index % size === symbol);
      });
      const value = valueOf(chosen);
      name.textContent = `${cells[chosen[0]][chosen[1]].dataset.name}: ${signed(value)}`;
      slider.value = value;
      memory.ariaPressed = keptV !== null;
      undo.disabled = !saved;
    }

    const forget = () => ([saved, keptV] = [null, null]); // training goes on from the changed weights
    return { title: "Weights", element: make("div", {}, make("div", { class: "lab-buttons" }, memory, undo), grids, field), refresh, forget };
  };

  panels.code = (lab) => {
    const code = make("code"), element = make("pre", { class: "lab-code", tabindex: 0 }, code);

    function refresh() {
      const { learn, units, seed, rate } = lab.settings, text = JSON.stringify(learn), epochs = lab.trainer.losses.length;
      const size = units === null ? "" : `hidden_size=${units}, `;
      code.textContent = [
        "from seqtoys import ElmanCharModel, Vocab, fit\n",
        `vocab = Vocab.from_text(${text})`,
        `model = ElmanCharModel(vocab, ${size}seed=${seed})`,
        ...(epochs ? [`fit(model, ${text}, epochs=${epochs}, lr=${rate})`] : []),
        ...(lab.isEdited ? ["# some weights were also changed by hand"] : []),
        `print(model.predict(${JSON.stringify(lab.reading)}))`,
      ].join("\n");
    }

    return { title: "The same in Python", element, refresh };
  };
}

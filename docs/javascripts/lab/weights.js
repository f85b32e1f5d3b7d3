/* The panel `weights`: all matrices, of which each number can be dragged. */
"use strict";

{
  const { button, hasModifier, make, paint, panels, signed, visible } = seqtoysLab;
  const LARGEST = 4, PER_PIXEL = 0.02, STRONG = 2; // a weight this large has the full color

  class Weights {
    title = "Weights";

    constructor(lab) {
      this.lab = lab;
      this.memory = button("V = 0", () => this.toggleMemory());
      this.undo = button("Undo changes", () => this.restore());
      this.matrices = make("div", { class: "lab-matrices" });
      this.name = make("span");
      this.slider = make("input", { type: "range", min: -LARGEST, max: LARGEST, step: 0.01,
        input: () => this.edit(this.slider.valueAsNumber) });
      const buttons = make("div", { class: "lab-buttons" }, this.memory, this.undo);
      const field = make("label", { class: "lab-field lab-slider" }, this.name, this.slider);
      this.element = make("div", {}, buttons, this.matrices, field);
      this.forget();
    }

    /** Keep the changes, because training goes on from them or the network is another. */
    forget() {
      this.saved = this.savedV = null;
    }

    #save() {
      const weights = Object.entries(this.lab.network.weights);
      this.saved ??= weights.map(([name, weight]) => [name, weight.slice()]);
      this.lab.isEdited = true;
    }

    restore() {
      for (const [name, weight] of this.saved) this.lab.network.weights[name].set(weight);
      this.forget();
      this.lab.isEdited = false;
      this.lab.refresh();
    }

    toggleMemory() {
      const { V } = this.lab.network.weights, before = V.slice();
      this.#save();
      V.set(this.savedV ?? new Float64Array(V.length));
      this.savedV = this.savedV ? null : before;
      this.lab.refresh();
    }

    edit(value) {
      const [matrix, index] = this.chosen, { weights } = this.lab.network;
      this.#save();
      if (matrix === "b") weights.bIh[index] = value - weights.bHh[index]; // only the sum matters
      else weights[matrix][index] = value;
      this.lab.refresh();
    }

    #value([matrix, index]) {
      const { weights } = this.lab.network;
      return matrix === "b" ? weights.bIh[index] + weights.bHh[index] : weights[matrix][index];
    }

    choose(...place) {
      this.chosen = place;
      this.refresh();
    }

    /** Change a weight while the mouse or a finger drags its cell sideways. */
    drag({ clientX: start, currentTarget: cell, pointerId }, place) {
      this.choose(...place);
      const from = this.#value(place);
      cell.setPointerCapture(pointerId);
      cell.onpointermove = ({ clientX }) => {
        const value = from + PER_PIXEL * (clientX - start);
        if (clientX !== start) this.edit(Math.min(Math.max(value, -LARGEST), LARGEST));
      };
      cell.onpointerup = cell.onpointercancel = () => (cell.onpointermove = null);
    }

    press(event, [matrix, index], columns) {
      const by = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns }[event.key];
      const next = by && this.cells[matrix][index + by];
      if (!next || hasModifier(event)) return;
      event.preventDefault();
      this.choose(matrix, index + by);
      next.focus();
    }

    /** Return the matrices to show, with the names of their rows and columns. */
    #axes() {
      const { network, root } = this.lab;
      const units = this.lab.unitNames(), symbols = network.symbols.map(visible), one = [""];
      const all = { U: [units, symbols], V: [units, units], b: [units, one] };
      if (network.hasReadout) Object.assign(all, { W: [symbols, units], c: [symbols, one] });
      const wanted = root.dataset.matrices?.split(" ") ?? Object.keys(all);
      return wanted.map((name) => [name, ...all[name]]);
    }

    #build(axes) {
      this.cells = Object.fromEntries(axes.map(([name]) => [name, []]));
      this.matrices.replaceChildren(...axes.map((each) => this.#grid(...each)));
      this.chosen = ["V", 0];
    }

    #grid(matrix, rows, columns) {
      const head = columns.map((name) => make(name ? "th" : "td", {}, name || "\u00a0"));
      const table = make("table", { role: "grid", class: "lab-table" });
      table.ariaLabel = `The matrix ${matrix}`;
      table.append(make("tr", { role: "row" }, make("td"), ...head));
      rows.forEach((row, i) => {
        const cells = columns.map((column, j) => {
          const name = `${matrix}, ${column && `from ${column} `}to ${row}`;
          return this.#cell([matrix, i * columns.length + j], name, columns.length);
        });
        table.append(make("tr", { role: "row" }, make("th", { scope: "row" }, row), ...cells));
      });
      return make("div", {}, make("p", { class: "lab-name" }, matrix), table);
    }

    #cell(place, name, columns) {
      const cell = button("", () => this.choose(...place));
      cell.onpointerdown = (event) => this.drag(event, place);
      cell.onkeydown = (event) => this.press(event, place, columns);
      cell.dataset.name = name;
      this.cells[place[0]].push(cell);
      return make("td", { role: "gridcell", class: "lab-weight" }, cell);
    }

    refresh() {
      const axes = this.#axes(), key = JSON.stringify(axes);
      if (key !== this.key) this.#build(axes);
      this.key = key;
      for (const [matrix, cells] of Object.entries(this.cells)) {
        cells.forEach((cell, index) => this.#show(cell, matrix, index));
      }
      const [matrix, index] = this.chosen, value = this.#value(this.chosen);
      this.name.textContent = `${this.cells[matrix][index].dataset.name}: ${signed(value)}`;
      this.slider.value = value;
      this.memory.ariaPressed = this.savedV !== null;
      this.undo.disabled = !this.saved;
    }

    #show(cell, matrix, index) {
      const { inputs, network, position } = this.lab, value = this.#value([matrix, index]);
      const isChosen = matrix === this.chosen[0] && index === this.chosen[1];
      const isUsed = matrix === "U" && index % network.symbols.length === inputs[position];
      paint(cell, value, signed(value), STRONG);
      cell.ariaLabel = `${cell.dataset.name}: ${signed(value)}`;
      // Tab stops once per matrix; the arrow keys go on from there.
      cell.tabIndex = isChosen || (matrix !== this.chosen[0] && index === 0) ? 0 : -1;
      cell.classList.toggle("lab-chosen", isChosen);
      cell.classList.toggle("lab-used", isUsed);
    }
  }

  panels.weights = (lab) => new Weights(lab);
}

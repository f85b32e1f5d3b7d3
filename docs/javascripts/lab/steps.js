/* The panel `steps`: a table of the state, the probabilities and the prediction after each symbol. */
"use strict";

{
  const { button, hasModifier, make, paint, panels, quoted, signed, visible } = seqtoysLab;

  class Steps {
    title = "Step by step";

    constructor(lab) {
      this.lab = lab;
      this.table = make("table", { class: "lab-table" });
      this.region = make("div", { class: "lab-scroll", role: "region", tabindex: 0,
        "aria-label": "States and probabilities, a column per step",
        keydown: (event) => this.press(event) }, this.table);
      this.sentence = make("p", { "aria-live": "polite" });
      const buttons = make("div", { class: "lab-buttons" },
        button("\u2039 Back", () => this.move(-1)),
        button("Next \u203a", () => this.move(1)),
        button("All steps", () => lab.goTo(null)));
      this.element = make("div", {}, buttons, this.region, this.sentence);
    }

    press(event) {
      const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (!by || hasModifier(event)) return;
      event.preventDefault();
      this.move(by);
    }

    move(by) {
      const last = this.lab.steps.length - 1;
      const from = this.lab.position ?? (by > 0 ? -1 : last); // from all steps, Next begins anew
      this.lab.goTo(Math.min(Math.max(from + by, 0), last));
    }

    refresh(isRunning) {
      const { network, position, reading, steps } = this.lab;
      const key = JSON.stringify([reading, network.symbols, network.units]);
      if (key !== this.key) this.#build();
      this.key = key;
      steps.forEach((step, t) => this.#fill(step, t));
      const current = this.guesses[position];
      if (current) this.region.scrollLeft = current.offsetLeft - this.region.clientWidth / 2;
      const text = position === null ? this.#summary() : this.#describe(position);
      if (!isRunning && this.sentence.textContent !== text) this.sentence.textContent = text;
    }

    #build() {
      const { lab } = this, header = make("thead"), foot = make("tfoot");
      const states = this.#part("hidden state");
      const chances = this.#part("probability of each next symbol, in %");
      const symbols = Array.from(lab.reading, (symbol) => make("th", { scope: "col" }, visible(symbol)));
      header.append(make("tr", {}, make("th", { scope: "row" }, "reads"), ...symbols));
      this.states = lab.unitNames().map((name) => this.#row(states, name));
      this.chances = lab.network.symbols.map((symbol) => this.#row(chances, visible(symbol)));
      this.guesses = this.#row(foot, "predicts");
      this.table.replaceChildren(header, states, chances, foot);
    }

    #part(name) {
      const heading = make("th", { colspan: this.lab.steps.length + 1, class: "lab-heading" });
      heading.append(make("span", {}, name));
      return make("tbody", {}, make("tr", {}, heading));
    }

    #row(part, name) {
      const cells = this.lab.steps.map(() => make("td"));
      part.append(make("tr", {}, make("th", { scope: "row" }, name), ...cells));
      return cells;
    }

    #fill({ state, chances, guess }, t) {
      const { network, position, targets } = this.lab, target = targets[t];
      state.forEach((value, i) => paint(this.states[i][t], value, signed(value)));
      chances.forEach((p, k) => {
        paint(this.chances[k][t], p, Math.round(100 * p));
        this.chances[k][t].classList.toggle("lab-target", k === target);
      });
      const verdict = target === undefined ? "" : guess === target ? " \u2713" : " \u2717";
      this.guesses[t].textContent = visible(network.symbols[guess]) + verdict;
      const isLater = position !== null && t > position;
      for (const row of [...this.states, ...this.chances, this.guesses]) {
        row[t].classList.toggle("lab-later", isLater);
      }
    }

    #summary() {
      const { network, reading, steps } = this.lab;
      const guesses = steps.map(({ guess }) => network.symbols[guess]);
      return `Reads ${quoted(reading)} and predicts ${quoted(guesses)}.`;
    }

    #describe(t) {
      const { network: { symbols }, reading, steps } = this.lab, read = Array.from(reading);
      const before = t ? `after ${quoted(read.slice(0, t))}` : "first, with a state of zeros";
      const { chances, guess } = steps[t];
      const sure = `${quoted([symbols[guess]])} with ${Math.round(100 * chances[guess])}%`;
      return `Step ${t + 1} of ${read.length}: reads ${quoted([read[t]])} ${before}. `
        + `Predicts ${sure}${this.#verdict(t)}.`;
    }

    #verdict(t) {
      const { network, steps, targets } = this.lab;
      if (targets[t] === undefined) return "";
      if (steps[t].guess === targets[t]) return ", which is right";
      return `, but ${quoted([network.symbols[targets[t]]])} comes next`;
    }
  }

  panels.steps = (lab) => new Steps(lab);
}

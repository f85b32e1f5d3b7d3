/* The panel `map`: the path of a state of two units in the plane. */
"use strict";

{
  const { make, panels, signed, visible } = seqtoysLab;

  class StateMap {
    title = "The state as a point";

    constructor(lab) {
      this.lab = lab;
      this.path = make("path", { class: "lab-path" });
      this.letters = make("g");
      const frame = make("path", { d: "M-1-1H1V1H-1ZM-1 0H1M0-1V1" });
      this.drawing = make("svg", { viewBox: "-1.2 -1.2 2.4 2.4", class: "lab-map", role: "img" },
        frame, this.path, this.letters);
      this.places = make("p", { "aria-live": "polite" });
      this.element = make("div", {}, this.drawing, this.places);
    }

    refresh(isRunning) {
      const { network, position, reading, steps } = this.lab;
      const isFlat = network.units === 2, names = Array.from(reading, visible);
      this.element.closest("section").hidden = !isFlat;
      if (!isFlat) return;
      const walk = steps.map(({ state: [x, y] }) => [x, y]).slice(0, (position ?? Infinity) + 1);
      const seen = walk.map(([x, y]) => [x, -y]); // on a page, y points down
      this.path.setAttribute("d", `M0 0L${seen.join("L")}`);
      this.letters.replaceChildren(...seen.flatMap(([x, y], t) => [
        make("circle", { cx: x, cy: y, r: 0.025 }),
        make("text", { x: x + 0.04, y: y - 0.04 }, names[t]),
      ]));
      const text = walk.map(([x, y], t) => `${names[t]} (${signed(x)}, ${signed(y)})`).join(", ");
      this.drawing.ariaLabel = `The state after each symbol, as a point: ${text}`;
      if (!isRunning && this.places.textContent !== text) this.places.textContent = text;
    }
  }

  panels.map = (lab) => new StateMap(lab);
}

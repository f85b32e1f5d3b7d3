/* The panel `chart`: the loss of each epoch, and behind it the curves of other seeds. */
"use strict";

{
  const { NEGATIVE, POSITIVE, SPAN, make, memorylessLoss, panels, tanhFloor } = seqtoysLab;
  const WIDTH = 1400, HEIGHT = 500; // pixels of the canvas, which is stretched to the page
  const TICKS = [0, 0.5, 1, 1.5, 2, 2.5, 3, 4, 5];
  const SOLVED = `rgb(${POSITIVE} / 0.13)`, UNSOLVED = `rgb(${NEGATIVE} / 0.22)`;

  class Chart {
    constructor(lab) {
      this.lab = lab;
      lab.chart = this;
      this.canvas = make("canvas", { width: WIDTH, height: HEIGHT });
      this.pen = this.canvas.getContext("2d");
      this.curve = make("path");
      this.drawing = make("svg", { preserveAspectRatio: "none" }, this.curve);
      this.marks = make("div");
      this.plot = make("div", { class: "lab-plot", role: "img" });
      this.plot.append(this.canvas, this.drawing, this.marks);
      this.legend = make("p", { class: "lab-legend" });
      this.element = make("div", { class: "lab-chart" },
        this.legend, this.plot, make("p", { class: "lab-below" }, "epoch"));
    }

    /** Draw the losses of another seed behind those of the network. */
    draw(losses, isSolved) {
      const { pen } = this;
      pen.strokeStyle = isSolved ? SOLVED : UNSOLVED;
      pen.lineWidth = 2;
      pen.beginPath();
      losses.forEach((loss, i) => pen.lineTo(((i + 1) / SPAN) * WIDTH, (1 - loss / this.top) * HEIGHT));
      pen.stroke();
    }

    clear() {
      this.pen.clearRect(0, 0, WIDTH, HEIGHT);
    }

    refresh() {
      const { losses } = this.lab.trainer;
      this.top = Math.max(1.3 * Math.log(this.lab.network.symbols.length), 0.5);
      const last = Math.max(1, Math.ceil(losses.length / SPAN)) * SPAN;
      this.canvas.style.width = `${(100 * SPAN) / last}%`; // its curves end after SPAN epochs
      this.drawing.setAttribute("viewBox", `0 0 ${last} ${this.top}`);
      const points = losses.map((loss, i) => `${i + 1} ${this.top - loss}`);
      this.curve.setAttribute("d", points.length ? `M${points.join("L")}` : "");
      this.#mark(last);
      this.plot.ariaLabel = losses.length
        ? `Loss ${losses[0].toFixed(4)} at first, ${losses.at(-1).toFixed(4)} after ${losses.length} epochs`
        : "No loss yet: the network is untrained";
    }

    /** Write the numbers of the axes, and draw the losses to compare with. */
    #mark(last) {
      const place = (y, kind, text) =>
        make("span", { class: kind, style: `bottom: ${(100 * y) / this.top}%` }, text);
      const lines = this.#levels();
      this.marks.replaceChildren(
        make("span", { class: "lab-last" }, last),
        ...TICKS.filter((y) => y < this.top).map((y) => place(y, "lab-tick", y)),
        ...lines.map(([, y], i) => place(y, `lab-level lab-line-${i}`, "")),
      );
      this.legend.replaceChildren("loss (nats per symbol)", ...lines.map(([name, y], i) =>
        make("span", { class: `lab-line-${i}` }, `${name} ${y.toFixed(4)}`)));
    }

    #levels() {
      const { network, settings } = this.lab;
      const memoryless = ["memoryless", memorylessLoss(settings.learn)];
      const floor = ["tanh floor", tanhFloor(network.symbols.length)];
      return network.hasReadout ? [memoryless] : [memoryless, floor];
    }
  }

  panels.chart = (lab) => new Chart(lab);
}

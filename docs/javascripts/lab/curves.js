/* Training: the buttons, the curve of the loss, and the curves of a thousand seeds. */
"use strict";

{
  const { button, everyFrame, interval, make, memorylessLoss, panels, prefersStillness } = seqtoysLab;
  const { Network, Trainer, showing, symbolsOf, tanhFloor } = seqtoysLab;
  const SPAN = 100; // epochs that a click on the button trains for
  const WIDTH = 1400, HEIGHT = 500, MILLISECONDS = 12;
  const percent = (share) => (100 * share).toFixed(1);

  panels.train = (lab) => {
    let goal = null, stop = () => {};
    const main = button("", () => (goal === null ? start() : pause()));
    main.className = "lab-main";
    const status = make("p", { class: "lab-status" });
    const buttons = [main, button("One epoch", () => train(1)), button("Start over", () => lab.restart()),
      button("Next seed", () => lab.change({ seed: lab.settings.seed + 1 }))];

    function start() {
      goal = lab.trainer.losses.length + SPAN;
      stop = everyFrame(() => {
        train(prefersStillness() ? SPAN : 1);
        return goal !== null;
      });
    }

    function train(epochs) {
      for (let i = 0; i < epochs; i++) lab.trainer.epoch(lab.settings.rate);
      if (goal !== null && lab.trainer.losses.length >= goal) goal = null;
      lab.trained(goal !== null);
    }

    function pause() {
      stop();
      goal = null;
      lab.trained(false);
    }

    function refresh() {
      main.textContent = goal === null ? `Train ${SPAN} epochs` : "Pause";
      status.ariaLive = goal === null ? "polite" : "off"; // announces results, not each epoch
      const { losses, targets } = lab.trainer, guesses = lab.guesses();
      const right = guesses.filter((guess, t) => guess === targets[t]).length;
      const said = guesses.map((guess) => lab.network.symbols[guess]).join("");
      const verdict = right === targets.length ? "all right" : `${right} of ${targets.length} right`;
      const loss = losses.length ? `, loss ${losses.at(-1).toFixed(4)}` : ", untrained";
      const text = `Seed ${lab.settings.seed}, epoch ${losses.length}${loss}: predicts `;
      status.replaceChildren(text, make("code", {}, showing(said)), ` (${verdict})`);
    }

    const halt = () => [stop(), (goal = null)];
    return { title: "Train", element: make("div", {}, make("div", { class: "lab-buttons" }, ...buttons), status), refresh, halt };
  };

  panels.chart = (lab) => {
    const canvas = make("canvas", { width: WIDTH, height: HEIGHT, "aria-hidden": "true" });
    const path = make("path"), svg = make("svg", { preserveAspectRatio: "none", "aria-hidden": "true" }, path);
    const levels = make("div"), plot = make("div", { class: "lab-plot", role: "img" }, canvas, svg, levels);
    const element = make("div", { class: "lab-chart" }, make("span", {}, "loss (nats per symbol)"), plot,
      make("span", { class: "lab-below" }, "epoch"));
    const pen = canvas.getContext("2d");
    let top = 1, last = SPAN;
    const points = (losses) => losses.map((loss, i) => [i + 1, Math.min(loss, 2 * top)]);

    /** Add the curve of another seed. */
    lab.drawCurve = (losses, isSolved) => {
      pen.strokeStyle = isSolved ? "rgb(0 137 123 / 0.13)" : "rgb(213 94 0 / 0.22)";
      pen.lineWidth = 2;
      pen.beginPath();
      for (const [x, y] of points(losses)) pen.lineTo((x / SPAN) * WIDTH, (1 - y / top) * HEIGHT);
      pen.stroke();
    };
    lab.clearCurves = () => pen.clearRect(0, 0, WIDTH, HEIGHT);

    function level(y, name, kind) {
      return make("span", { class: `lab-level ${kind}`, style: `bottom: ${(100 * y) / top}%` }, name);
    }

    function refresh() {
      const { learn } = lab.settings, size = lab.network.symbols.length, { losses } = lab.trainer;
      top = Math.max(1.3 * Math.log(size), 0.5);
      last = Math.max(SPAN, SPAN * Math.ceil(losses.length / SPAN));
      canvas.style.width = `${(100 * SPAN) / last}%`;
      svg.setAttribute("viewBox", `0 0 ${last} ${top}`);
      path.setAttribute("d", points(losses).map(([x, y], i) => `${i ? "L" : "M"}${x} ${top - y}`).join(""));
      const lines = [[memorylessLoss(learn), "memoryless"]];
      if (!lab.network.hasReadout) lines.push([tanhFloor(size), "tanh floor"]);
      lines.sort(([a], [b]) => b - a);
      const ticks = [0, 0.5, 1, 1.5, 2, 2.5, 3, 4].filter((y) => y < top).map((y) => level(y, y, "lab-tick"));
      levels.replaceChildren(...ticks, make("span", { class: "lab-last" }, last),
        ...lines.map(([y, name], i) => level(y, `${name} ${y.toFixed(4)}`, i ? "lab-under" : "")));
      plot.ariaLabel = losses.length
        ? `Loss from ${losses[0].toFixed(2)} in epoch 1 to ${losses.at(-1).toFixed(4)} in epoch ${losses.length}`
        : "No loss yet: train the network";
    }

    return { element, refresh };
  };

  panels.seeds = (lab) => {
    const count = Number(lab.root.dataset.seeds ?? 1000), waiting = [];
    let done = 0, solved = 0, key = "", stop = null;
    const main = button("", () => (stop ? pause() : start()));
    const status = make("p", { class: "lab-status" });

    function start() {
      if (done === count) clear();
      stop = everyFrame(() => {
        const end = performance.now() + MILLISECONDS;
        while (done < count && performance.now() < end) trainSeed(done);
        if (!prefersStillness() || done === count) {
          for (const [losses, isSolved] of waiting.splice(0)) lab.drawCurve(losses, isSolved);
        }
        if (done === count) stop = null;
        write();
        return done < count;
      });
      write();
    }

    function trainSeed(seed) {
      const { learn, units, rate } = lab.settings;
      const trainer = new Trainer(new Network(symbolsOf(learn), units, seed), learn);
      let isSolved = false;
      for (let i = 0; i < SPAN; i++) isSolved = trainer.epoch(rate);
      waiting.push([trainer.losses, isSolved]);
      done++;
      solved += isSolved;
    }

    function pause() {
      stop();
      stop = null;
      write();
    }

    function clear() {
      [done, solved] = [0, 0];
      waiting.length = 0;
      lab.clearCurves();
    }

    function write() {
      main.textContent = stop ? "Pause" : done && done < count ? "Continue" : `Train ${count.toLocaleString("en")} seeds`;
      status.ariaLive = stop ? "off" : "polite";
      const [low, high] = interval(solved, done);
      // With fewer than four failures or successes, the approximation behind the interval is poor.
      const range = Math.min(solved, done - solved) > 3 ? ` (95% interval ${percent(low)} to ${percent(high)}%)` : "";
      status.textContent = done ? `${solved.toLocaleString("en")} of ${done.toLocaleString("en")} seeds learn it in ${SPAN} epochs: ${percent(solved / done)}%${range}` : "";
    }

    function refresh() {
      const { learn, units, rate } = lab.settings, now = JSON.stringify([learn, units, rate]);
      if (now === key) return;
      key = now;
      if (stop) pause();
      clear();
      write();
    }

    return { title: "A thousand seeds", element: make("div", {}, make("div", { class: "lab-buttons" }, main), status), refresh };
  };
}

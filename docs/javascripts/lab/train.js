/* The panel `train`: its buttons train the network, and a line says how well it does. */
"use strict";

{
  const { MOST_SEEDS, button, everyFrame, make, panels, prefersStillness, quoted } = seqtoysLab;
  const SPAN = 100; // epochs that a click on the main button trains for
  const PACE = 16; // milliseconds per epoch

  class Train {
    title = "Train";

    constructor(lab) {
      this.lab = lab;
      this.goal = null; // the epoch to stop at; null if nothing runs
      this.main = button("", () => (this.goal === null ? this.start() : this.pause()));
      this.main.className = "lab-main";
      const others = [
        button("One epoch", () => this.train(1)),
        button("Start over", () => lab.restart()),
        button("Next seed", () => lab.change({ seed: (lab.settings.seed + 1) % MOST_SEEDS })),
      ];
      this.status = make("p", { class: "lab-status" });
      const buttons = make("div", { class: "lab-buttons" }, this.main, ...others);
      this.element = make("div", {}, buttons, this.status);
    }

    start() {
      const begun = performance.now(), first = this.lab.trainer.losses.length;
      this.goal = first + SPAN;
      this.stop = everyFrame(() => {
        // By the clock, so that large tables, which take long to draw, do not slow down training.
        const passed = Math.ceil((performance.now() - begun) / PACE);
        const due = prefersStillness() ? this.goal : Math.min(first + passed, this.goal);
        this.train(due - this.lab.trainer.losses.length);
        return this.goal !== null;
      });
    }

    train(epochs) {
      const { settings, trainer } = this.lab;
      for (let i = 0; i < epochs; i++) trainer.epoch(settings.rate);
      if (trainer.losses.length >= this.goal) this.goal = null;
      this.lab.trained(this.goal !== null);
    }

    pause() {
      this.halt();
      this.lab.trained(false);
    }

    /** Stop, because there is going to be another network. */
    halt() {
      this.stop?.();
      this.goal = null;
    }

    refresh() {
      const isIdle = this.goal === null;
      this.main.textContent = isIdle ? `Train ${SPAN} epochs` : "Pause";
      this.status.ariaLive = isIdle ? "polite" : "off"; // read the result aloud, not every epoch
      this.status.textContent = this.describe();
    }

    describe() {
      const { network, settings, trainer } = this.lab, { losses, targets } = trainer;
      const guesses = network.read(trainer.inputs).map(({ guess }) => guess);
      const right = guesses.filter((guess, t) => guess === targets[t]).length;
      const verdict = right === targets.length ? "all right" : `${right} of ${targets.length} right`;
      const loss = losses.length ? `loss ${losses.at(-1).toFixed(4)}` : "untrained";
      const answer = quoted(guesses.map((guess) => network.symbols[guess]));
      return `Seed ${settings.seed}, epoch ${losses.length}, ${loss}: predicts ${answer}, ${verdict}`;
    }
  }

  panels.train = (lab) => new Train(lab);
  Object.assign(seqtoysLab, { SPAN });
}

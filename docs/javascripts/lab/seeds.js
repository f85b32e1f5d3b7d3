/* The panel `seeds`: trains many networks, and counts those that learn the text. */
"use strict";

{
  const { Network, SPAN, Trainer, button, everyFrame, interval, make, panels } = seqtoysLab;
  const { prefersStillness, symbolsOf } = seqtoysLab;
  const SEEDS = 1000, MILLISECONDS = 12; // of work in each frame
  const count = (number) => number.toLocaleString("en");
  const percent = (share) => (100 * share).toFixed(1);

  class Seeds {
    constructor(lab) {
      this.lab = lab;
      this.main = button("", () => (this.stop ? this.pause() : this.start()));
      this.status = make("p", { class: "lab-status" });
      const buttons = make("div", { class: "lab-buttons" }, this.main);
      this.element = make("div", { class: "lab-seeds" }, buttons, this.status);
    }

    start() {
      if (this.done === SEEDS) this.clear();
      this.stop = everyFrame(() => {
        const end = performance.now() + MILLISECONDS;
        while (this.done < SEEDS && performance.now() < end) this.train();
        if (this.done === SEEDS) this.stop = null;
        if (!this.stop || !prefersStillness()) this.drawWaiting();
        this.write();
        return this.stop !== null;
      });
      this.write();
    }

    /** Train the current seed for one epoch; after the last epoch, the next seed is the current one. */
    train() {
      const { learn, units, rate } = this.lab.settings;
      this.trainer ??= new Trainer(new Network(symbolsOf(learn), units, this.done), learn);
      const isSolved = this.trainer.epoch(rate);
      if (this.trainer.losses.length < SPAN) return;
      this.waiting.push([this.trainer.losses, isSolved]);
      this.trainer = null;
      this.done++;
      this.solved += isSolved;
    }

    drawWaiting() {
      for (const curve of this.waiting.splice(0)) this.lab.chart.draw(...curve);
    }

    pause() {
      this.stop?.();
      this.stop = null;
      this.drawWaiting();
      this.write();
    }

    clear() {
      Object.assign(this, { done: 0, solved: 0, trainer: null, waiting: [] });
      this.lab.chart.clear();
    }

    /** Begin again if these would be other networks. */
    refresh() {
      const { learn, units, rate } = this.lab.settings, key = JSON.stringify([learn, units, rate]);
      if (key === this.key) return;
      this.key = key;
      this.stop?.();
      this.stop = null;
      this.clear();
      this.write();
    }

    write() {
      const { done, stop } = this, isBegun = done > 0 && done < SEEDS;
      this.main.textContent = stop ? "Pause" : isBegun ? "Continue" : `Train ${count(SEEDS)} seeds`;
      this.status.ariaLive = stop ? "off" : "polite"; // read the result aloud, not every count
      this.status.textContent = done ? this.describe() : "";
    }

    describe() {
      const { done, solved } = this, [low, high] = interval(solved, done).map(percent);
      const share = `${percent(solved / done)}%`;
      // With fewer than four failures or successes, the approximation behind the interval is poor.
      const range = Math.min(solved, done - solved) > 3 ? ` (95% interval ${low} to ${high}%)` : "";
      return `${count(solved)} of ${count(done)} seeds learn it in ${SPAN} epochs: ${share}${range}`;
    }
  }

  panels.seeds = (lab) => new Seeds(lab);
}

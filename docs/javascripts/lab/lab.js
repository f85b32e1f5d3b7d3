/* A lab: one network, and the panels that show it and change it. */
"use strict";

{
  const { Network, Trainer, make, panels, settingsFrom, symbolsOf, visible } = seqtoysLab;

  class Lab {
    /** @param {HTMLElement} root Its attributes `data-…` are the settings, and the panels to show. */
    constructor(root) {
      const { show, learn, read, units, seed, rate, epochs, weights } = root.dataset;
      this.root = root;
      this.settings = { learn, units: Number(units) || null, seed: Number(seed), rate: Number(rate) };
      this.epochs = Number(epochs); // of training before the reader sees the network
      this.given = weights && JSON.parse(weights);
      this.reading = read; // without one, all that it learns to continue
      if ("linked" in root.dataset) this.#follow();
      this.parts = show.split(" ").map((name) => panels[name](this));
      root.replaceChildren(...this.parts.map((part) => this.#framed(part)));
      this.restart();
    }

    #framed({ title, element }) {
      if (!title) return element;
      const heading = "linked" in this.root.dataset ? [make("h2", {}, title)] : [];
      return make("section", { "aria-label": title }, ...heading, element);
    }

    /** Change some settings, and start over with a new network. */
    change(settings) {
      const isOtherText = "learn" in settings && settings.learn !== this.settings.learn;
      Object.assign(this.settings, settings);
      if (isOtherText) this.reading = undefined;
      if ("linked" in this.root.dataset) this.#writeAddress();
      this.restart();
    }

    /** Draw the initial weights again, or load those given, and train for the given epochs. */
    restart() {
      const { learn, units, seed, rate } = this.settings;
      for (const part of this.parts) {
        part.halt?.();
        part.forget?.();
      }
      this.isEdited = false;
      this.network = new Network(symbolsOf(learn), units, seed);
      for (const [name, weight] of Object.entries(this.given ? this.network.weights : {})) {
        weight.set(this.given[name]?.flat() ?? weight.fill(0));
      }
      this.trainer = new Trainer(this.network, learn);
      for (let i = 0; i < this.epochs; i++) this.trainer.epoch(rate);
      this.readText(this.reading ?? Array.from(learn).slice(0, -1).join(""));
    }

    readText(text) {
      const whole = this.settings.learn.startsWith(text) ? this.settings.learn : text;
      this.reading = text;
      this.inputs = this.network.encode(text);
      this.targets = this.network.encode(whole).slice(1); // that of the last step may be missing
      this.goTo(null);
    }

    /** Show the steps up to a position; null shows all. */
    goTo(position) {
      this.position = position;
      this.refresh();
    }

    /** Show a network that has been trained, and may still be. */
    trained(isRunning) {
      for (const part of this.parts) part.forget?.();
      this.refresh(isRunning);
    }

    refresh(isRunning = false) {
      this.steps = this.network.read(this.inputs);
      for (const part of this.parts) part.refresh(isRunning);
    }

    /** Without a readout, each unit is the score of a symbol and has its name. */
    unitNames() {
      const { hasReadout, symbols, units } = this.network;
      return hasReadout ? Array.from({ length: units }, (_, i) => String(i + 1)) : symbols.map(visible);
    }

    /** Take the settings from the address of the page, now and whenever a link changes it. */
    #follow() {
      this.#readAddress();
      addEventListener("hashchange", () => {
        if (!this.#readAddress()) return;
        this.reading = undefined;
        this.restart();
      });
    }

    /** Return whether the address has settings: that of a heading has none. */
    #readAddress() {
      const settings = settingsFrom(location.hash.slice(1));
      const isFound = Array.from(settings.learn).length > 1;
      if (isFound) this.settings = settings;
      return isFound;
    }

    #writeAddress() {
      const { learn, units, seed, rate } = this.settings;
      const found = new URLSearchParams({ text: learn, ...(units && { units }), seed, rate });
      history.replaceState(null, "", `#${found}`);
    }
  }

  for (const root of document.querySelectorAll(".lab")) new Lab(root);
}

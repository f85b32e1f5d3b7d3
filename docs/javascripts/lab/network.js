/* The Elman network: h_t = tanh(U x_t + V h_{t-1} + b), y_t = W h_t + c; without a readout, y_t = h_t. */
"use strict";

{
  /** Return the distinct symbols of a text, in order of first appearance. */
  const symbolsOf = (text) => [...new Set(text)];

  class Network {
    /**
     * @param {string[]} symbols The vocabulary.
     * @param {?number} units The number of hidden units; null for one per symbol and no readout.
     * @param {number} seed The seed of the initial weights.
     */
    constructor(symbols, units, seed) {
      this.symbols = symbols;
      this.hasReadout = units !== null;
      this.units = units ?? symbols.length;
      const generator = new seqtoysLab.Generator(seed), bound = 1 / Math.sqrt(this.units);
      this.weights = {};
      for (const [name, [rows, columns]] of Object.entries(this.shapes())) {
        const draw = () => generator.uniform(bound);
        this.weights[name] = Float64Array.from({ length: rows * columns }, draw);
      }
    }

    /** Return rows and columns of each weight, in the order in which PyTorch draws them. */
    shapes() {
      const H = this.units, S = this.symbols.length;
      const recurrent = { U: [H, S], V: [H, H], bIh: [H, 1], bHh: [H, 1] };
      return this.hasReadout ? { ...recurrent, W: [S, H], c: [S, 1] } : recurrent;
    }

    encode(text) {
      return Array.from(text, (symbol) => this.symbols.indexOf(symbol));
    }

    /**
     * Read symbols, starting from a state of zeros.
     * @param {number[]} inputs Their indices.
     * @returns {{state: Float64Array, chances: Float64Array, guess: number}[]} For each step, the
     *   hidden state, the probability of each next symbol, and the index of the likeliest one.
     */
    read(inputs) {
      let state = new Float64Array(this.units);
      return inputs.map((symbol) => {
        state = this.#nextState(symbol, state);
        return { state, ...softmax(this.hasReadout ? this.#readOut(state) : state) };
      });
    }

    #nextState(symbol, before) {
      const { U, V, bIh, bHh } = this.weights, H = this.units, S = this.symbols.length;
      const state = new Float64Array(H);
      for (let i = 0; i < H; i++) {
        let sum = U[i * S + symbol] + bIh[i] + bHh[i]; // a one-hot vector selects a column of U
        for (let j = 0; j < H; j++) sum += V[i * H + j] * before[j];
        state[i] = Math.tanh(sum);
      }
      return state;
    }

    #readOut(state) {
      const { W, c } = this.weights, H = this.units, logits = new Float64Array(c.length);
      for (let k = 0; k < c.length; k++) {
        logits[k] = c[k];
        for (let i = 0; i < H; i++) logits[k] += W[k * H + i] * state[i];
      }
      return logits;
    }
  }

  /** Return the probabilities that belong to logits, and the index of the largest. */
  function softmax(logits) {
    let guess = 0, total = 0;
    for (let k = 1; k < logits.length; k++) if (logits[k] > logits[guess]) guess = k;
    const chances = new Float64Array(logits.length);
    for (let k = 0; k < logits.length; k++) {
      total += chances[k] = Math.exp(logits[k] - logits[guess]);
    }
    for (let k = 0; k < logits.length; k++) chances[k] /= total;
    return { chances, guess };
  }

  Object.assign(seqtoysLab, { Network, symbolsOf });
}

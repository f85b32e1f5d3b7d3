/* Training: backpropagation through time, Adam, and the numbers to compare a loss with. */
"use strict";

{
  const BETA_1 = 0.9, BETA_2 = 0.999, EPSILON = 1e-8; // the defaults of torch.optim.Adam

  /** Adam (Kingma & Ba, 2015). */
  class Adam {
    constructor(weights) {
      const zeros = () => Object.values(weights).map((weight) => new Float64Array(weight.length));
      [this.weights, this.means, this.squares, this.count] = [weights, zeros(), zeros(), 0];
    }

    step(gradients, rate) {
      this.count++;
      const size = rate / (1 - BETA_1 ** this.count), root = Math.sqrt(1 - BETA_2 ** this.count);
      Object.entries(this.weights).forEach(([name, weight], part) => {
        const gradient = gradients[name], mean = this.means[part], square = this.squares[part];
        for (let i = 0; i < weight.length; i++) {
          mean[i] += (1 - BETA_1) * (gradient[i] - mean[i]);
          square[i] += (1 - BETA_2) * (gradient[i] * gradient[i] - square[i]);
          weight[i] -= (size * mean[i]) / (Math.sqrt(square[i]) / root + EPSILON);
        }
      });
    }
  }

  /** Return the gradients of the mean loss over the steps that `network.read(inputs)` returned. */
  function gradientsOf(network, inputs, targets, steps) {
    const { weights, units: H, hasReadout } = network, S = network.symbols.length;
    const grads = {};
    for (const name in weights) grads[name] = new Float64Array(weights[name].length);
    const errors = new Float64Array(S); // the gradient with respect to the logits
    const pull = new Float64Array(H); // the gradient with respect to the state
    const delta = new Float64Array(H); // and to the input of tanh, of the step after
    for (let t = inputs.length - 1; t >= 0; t--) {
      const { state, chances } = steps[t], before = steps[t - 1]?.state;
      for (let k = 0; k < S; k++) errors[k] = (chances[k] - (k === targets[t])) / inputs.length;
      for (let j = 0; j < H; j++) {
        pull[j] = hasReadout ? 0 : errors[j];
        for (let i = 0; i < H; i++) pull[j] += weights.V[i * H + j] * delta[i];
      }
      if (hasReadout) backThroughReadout(weights.W, grads, errors, state, pull);
      for (let i = 0; i < H; i++) {
        delta[i] = pull[i] * (1 - state[i] * state[i]);
        grads.U[i * S + inputs[t]] += delta[i];
        grads.bIh[i] += delta[i];
        for (let j = 0; before && j < H; j++) grads.V[i * H + j] += delta[i] * before[j];
      }
    }
    grads.bHh = grads.bIh;
    return grads;
  }

  function backThroughReadout(W, grads, errors, state, pull) {
    const H = state.length;
    for (let k = 0; k < errors.length; k++) {
      grads.c[k] += errors[k];
      for (let i = 0; i < H; i++) {
        grads.W[k * H + i] += errors[k] * state[i];
        pull[i] += W[k * H + i] * errors[k];
      }
    }
  }

  /** Trains a network to predict each next symbol of a text. */
  class Trainer {
    constructor(network, text) {
      const indices = network.encode(text);
      [this.network, this.inputs, this.targets] = [network, indices.slice(0, -1), indices.slice(1)];
      this.adam = new Adam(network.weights);
      this.losses = []; // of each epoch, before its update, as in the history of `fit`
    }

    /** Train for one epoch; return whether every prediction before the update was right. */
    epoch(rate) {
      const { network, inputs, targets } = this, steps = network.read(inputs);
      const surprise = steps.reduce((sum, { chances }, t) => sum - Math.log(chances[targets[t]]), 0);
      this.losses.push(surprise / steps.length);
      this.adam.step(gradientsOf(network, inputs, targets, steps), rate);
      return steps.every(({ guess }, t) => guess === targets[t]);
    }
  }

  /** Return the lowest loss of a model of a text that sees only the current symbol. */
  function memorylessLoss(text) {
    const symbols = Array.from(text), pairs = {}, counts = {};
    for (let t = 1; t < symbols.length; t++) {
      const read = symbols[t - 1], pair = read + symbols[t];
      counts[read] = (counts[read] ?? 0) + 1;
      pairs[pair] = (pairs[pair] ?? 0) + 1;
    }
    const surprise = ([pair, count]) => -count * Math.log(count / counts[Array.from(pair)[0]]);
    return Object.entries(pairs).reduce((sum, each) => sum + surprise(each), 0) / (symbols.length - 1);
  }

  /** Return the lowest loss if logits are between -1 and 1, as the output of tanh is. */
  const tanhFloor = (symbols) => Math.log1p((symbols - 1) * Math.exp(-2));

  /** Return the 95% confidence interval of a proportion (Wilson, 1927). */
  function interval(count, trials) {
    const z = 1.959963984540054, share = count / trials, scale = 1 + z ** 2 / trials;
    const center = share + z ** 2 / (2 * trials);
    const half = z * Math.sqrt((share * (1 - share)) / trials + (z / (2 * trials)) ** 2);
    return [(center - half) / scale, (center + half) / scale];
  }

  Object.assign(seqtoysLab, { Trainer, interval, memorylessLoss, tanhFloor });
}

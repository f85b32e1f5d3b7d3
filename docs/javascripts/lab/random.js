/* The random numbers of PyTorch on the CPU: the Mersenne Twister MT19937 (Matsumoto & Nishimura, 1998),
   so that a seed gives the weights that `torch.manual_seed` gives. */
"use strict";

globalThis.seqtoysLab = {};

{
  const SIZE = 624, SHIFT = 397;

  class Generator {
    /** @param {number} seed An integer from 0 to 2**32 - 1. */
    constructor(seed) {
      this.state = new Uint32Array(SIZE);
      this.state[0] = seed;
      for (let i = 1; i < SIZE; i++) {
        const last = this.state[i - 1];
        this.state[i] = Math.imul(1812433253, last ^ (last >>> 30)) + i;
      }
      this.position = SIZE;
    }

    /** Return the next integer of 32 bits. */
    next() {
      if (this.position === SIZE) this.#renew();
      let y = this.state[this.position++];
      y ^= y >>> 11;
      y ^= (y << 7) & 0x9d2c5680;
      y ^= (y << 15) & 0xefc60000;
      return (y ^ (y >>> 18)) >>> 0;
    }

    /** Return a number from -bound to bound, rounded as PyTorch rounds it in single precision. */
    uniform(bound) {
      const low = Math.fround(-bound), range = Math.fround(-2 * low);
      const share = (this.next() & 0xffffff) / 2 ** 24; // a float32 has 24 significant bits
      return Math.fround(share * range + low);
    }

    #renew() {
      const s = this.state;
      for (let i = 0; i < SIZE; i++) {
        const y = (s[i] & 0x80000000) | (s[(i + 1) % SIZE] & 0x7fffffff);
        s[i] = s[(i + SHIFT) % SIZE] ^ (y >>> 1) ^ (y & 1 ? 0x9908b0df : 0);
      }
      this.position = 0;
    }
  }

  seqtoysLab.Generator = Generator;
}

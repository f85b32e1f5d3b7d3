/* The fields of a lab: the text to learn, the text to read, units, seed and learning rate. */
"use strict";

{
  const { make, panels, symbolsOf } = seqtoysLab;
  const LONGEST = 60, MOST_UNITS = 16, MOST_SEEDS = 2 ** 32;
  const RATES = [0.005, 0.01, 0.02, 0.05, 0.1, 0.2];

  const labeled = (name, input) => make("label", { class: "lab-field" }, make("span", {}, name), input);

  /** A field with a message below it while what it contains is refused. */
  function field(name, attributes, accept, current) {
    const message = make("span", { class: "lab-error", role: "alert" });
    const say = (text) => {
      message.textContent = text;
      input.setAttribute("aria-invalid", text !== "");
    };
    const input = make("input", { ...attributes, input: () => say(accept(input) ?? "") });
    const refresh = () => {
      if (document.activeElement === input) return; // never change what somebody is typing
      input.value = current();
      say("");
    };
    return { element: make("div", { class: "lab-text" }, labeled(name, input), message), refresh };
  }

  function textField(name, accept, current) {
    const attributes = { type: "text", maxlength: LONGEST, spellcheck: "false",
      autocapitalize: "off", autocomplete: "off" };
    return field(name, attributes, (input) => accept(input.value), current);
  }

  function choice(name, options, current, change) {
    const entries = options.map(([value, shown]) => make("option", { value }, shown));
    const select = make("select", { change: () => change(select.value) }, ...entries);
    return { element: labeled(name, select), refresh: () => (select.value = current()) };
  }

  panels.learn = (lab) => textField("Text to learn", (text) => {
    if (Array.from(text).length < 2) return "expected at least two letters; type some more";
    lab.change({ learn: text });
  }, () => lab.settings.learn);

  panels.read = (lab) => textField("Text to read", (text) => {
    const symbols = symbolsOf(lab.settings.learn);
    const strange = Array.from(text).find((symbol) => !symbols.includes(symbol));
    if (strange) return `expected letters among ${symbols.join(" ")}, got ${strange}; type only those`;
    if (text === "") return "expected at least one letter; type one";
    lab.readText(text);
  }, () => lab.reading);

  panels.units = (lab) => {
    const sizes = Array.from({ length: MOST_UNITS }, (_, i) => [i + 1, `${i + 1}, with a readout`]);
    const options = [["", "one per letter, no readout"], ...sizes];
    return choice("Hidden units", options, () => lab.settings.units ?? "",
      (value) => lab.change({ units: value === "" ? null : Number(value) }));
  };

  panels.rate = (lab) => {
    const options = RATES.map((rate) => [rate, rate]);
    return choice("Learning rate", options, () => lab.settings.rate,
      (value) => lab.change({ rate: Number(value) }));
  };

  panels.seed = (lab) => {
    const attributes = { type: "number", min: 0, max: MOST_SEEDS - 1, step: 1 };
    return field("Seed", attributes, (input) => {
      if (input.value === "" || !input.validity.valid)
        return `expected a whole number from 0 to ${MOST_SEEDS - 1}; type one`;
      lab.change({ seed: input.valueAsNumber });
    }, () => lab.settings.seed);
  };

  const isOfOneLine = (symbol) => !/[\n\r]/.test(symbol); // as in a text field, which removes these

  /** Return the settings that an address contains; invalid ones are those of an address without. */
  function settingsFrom(address) {
    const found = new URLSearchParams(address);
    const number = (name, isValid, otherwise) =>
      isValid(Number(found.get(name))) ? Number(found.get(name)) : otherwise;
    return {
      learn: Array.from(found.get("text") ?? "").filter(isOfOneLine).slice(0, LONGEST).join(""),
      units: number("units", (n) => Number.isInteger(n) && n > 0 && n <= MOST_UNITS, null),
      seed: number("seed", (n) => Number.isInteger(n) && n >= 0 && n < MOST_SEEDS, 0),
      rate: number("rate", (n) => RATES.includes(n), 0.05),
    };
  }

  Object.assign(seqtoysLab, { MOST_SEEDS, settingsFrom });
}

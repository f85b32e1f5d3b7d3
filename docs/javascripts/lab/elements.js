/* Small helpers for the elements of a page. */
"use strict";

{
  const NEGATIVE = "194 78 0", POSITIVE = "0 133 122"; // as in the figures of the library

  /** Create an element with attributes, listeners (functions) and children. */
  function make(tag, attributes = {}, ...children) {
    const isDrawing = ["svg", "g", "path", "text", "circle", "rect"].includes(tag);
    const made = isDrawing
      ? document.createElementNS("http://www.w3.org/2000/svg", tag)
      : document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (typeof value === "function") made.addEventListener(name, value);
      else made.setAttribute(name, value);
    }
    made.append(...children);
    return made;
  }

  const button = (name, click) => make("button", { type: "button", click }, name);

  /** Write a number into a cell, and color the cell: fully if the number is `largest`. */
  function paint(cell, value, written, largest = 1) {
    if (cell.textContent === String(written)) return; // most cells change little from epoch to epoch
    // Never more than half of the color, so that text in front of it keeps its contrast.
    const strength = 0.5 * Math.min(Math.abs(value) / largest, 1);
    cell.style.backgroundColor = `rgb(${value < 0 ? NEGATIVE : POSITIVE} / ${strength.toFixed(3)})`;
    cell.textContent = written;
  }

  const signed = (value) => value.toFixed(2).replace("-", "\u2212").replace(/^\u2212(?=0\.00$)/, "");
  const CONTROLS = 0x2400; // pictures of the control characters, such as tab, begin here
  const visible = (symbol) => symbol === " " ? "\u2423"
    : symbol < " " ? String.fromCodePoint(CONTROLS + symbol.codePointAt(0)) : symbol;
  const quoted = (text) => `\u201c${Array.from(text, visible).join("")}\u201d`;

  /** Call `work` once per frame until it returns false; return a function that stops it. */
  function everyFrame(work) {
    const frame = () => work() && (handle = requestAnimationFrame(frame));
    let handle = requestAnimationFrame(frame);
    return () => cancelAnimationFrame(handle);
  }

  /** With one of these keys, an arrow key is the browser's: Alt and an arrow leave the page. */
  const hasModifier = ({ altKey, ctrlKey, metaKey }) => altKey || ctrlKey || metaKey;

  const prefersStillness = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

  const helpers = { button, everyFrame, hasModifier, make, paint, prefersStillness, quoted, signed, visible };
  Object.assign(seqtoysLab, helpers, { NEGATIVE, POSITIVE, panels: {} });
}

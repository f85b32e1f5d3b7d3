// A page whose address ends in ?slides is shown as slides, one for each section, and prints as such.
"use strict";

(() => {
  if (!new URLSearchParams(location.search).has("slides")) return;

  const WIDTH = 1280, HEIGHT = 720; // pixels, also in stylesheets/teaching.css
  const SCALES = Array.from({ length: 14 }, (_, i) => (17 - i) / 10); // down to 0.4
  const article = document.querySelector("article.md-content__inner");

  function divide() {
    const slides = [];
    for (const node of [...article.childNodes]) {
      if (!slides.length || node.nodeName === "H2") {
        const slide = document.createElement("section");
        slide.className = "slide";
        slide.append(document.createElement("div"));
        slides.push(slide);
      }
      slides.at(-1).firstChild.append(node);
    }
    slides.forEach((slide, i) => (slide.dataset.number = `${i + 1} / ${slides.length}`));
    article.replaceChildren(...slides);
    return slides;
  }

  // A section that needs small type is reduced to its main paragraphs, then set in three columns,
  // in which long lines of code wrap.
  function fit(slide) {
    if (scale(slide, [1, 2]) >= 1) return;
    slide.classList.add("dense");
    if (scale(slide, [1, 2]) < 0.8) scale(slide, [1, 2, 3]);
  }

  // Use the largest scale at which a slide holds its section, and return it.
  function scale(slide, numbersOfColumns) {
    const body = slide.firstChild;
    for (const size of SCALES) {
      for (const columns of numbersOfColumns) {
        body.style.setProperty("--scale", size);
        body.style.columnCount = columns;
        const isWide = body.scrollWidth > body.clientWidth + 1;
        if (!isWide && body.scrollHeight <= body.clientHeight + 1) return size;
      }
    }
    return 0;
  }

  function resize() {
    const scale = Math.min(innerWidth / WIDTH, innerHeight / HEIGHT);
    article.style.setProperty("--screen", scale);
  }

  function go(slides, step) {
    const tops = slides.map((slide) => Math.abs(slide.getBoundingClientRect().top));
    const here = tops.indexOf(Math.min(...tops));
    slides[Math.max(0, Math.min(slides.length - 1, here + step))].scrollIntoView();
  }

  const STEPS = { ArrowRight: 1, PageDown: 1, ArrowLeft: -1, PageUp: -1 };

  document.documentElement.classList.add("slides");
  const page = document.createElement("style");
  page.textContent = `@page { size: ${WIDTH}px ${HEIGHT}px; margin: 0; }`;
  document.head.append(page);
  const slides = divide();
  // The lab of a page builds its parts before the page has loaded.
  const loaded = new Promise((resolve) => addEventListener("load", resolve));
  Promise.all([loaded, document.fonts.ready]).then(() => {
    slides.forEach(fit);
    resize();
    document.documentElement.classList.add("slides-ready");
  });
  addEventListener("resize", resize);
  addEventListener("keydown", (event) => {
    if (event.target.closest("input, textarea, select") || event.defaultPrevented) return;
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    if (event.key === "Escape") location.search = "";
    if (!(event.key in STEPS)) return;
    event.preventDefault();
    go(slides, STEPS[event.key]);
  });
})();

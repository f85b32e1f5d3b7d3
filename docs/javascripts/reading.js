// What a page needs for readers with a keyboard, a screen reader, a phone, or reduced motion.
// Without scripts, figures scroll and the animation shows its last frame.
(() => {
  const SCROLLING = [
    ".figure",
    ".md-typeset__scrollwrap",
    "div.arithmatex",
    ".highlight pre > code",
  ].join(", ");

  // A part that scrolls gets the focus, so that arrow keys scroll it, and a name.
  const mark = (part, index) => {
    const scrolls = part.scrollWidth > part.clientWidth + 1;
    part.classList.toggle("scrolls", scrolls);
    if (scrolls) {
      const kind = part.matches(".figure") ? "Figure" : part.matches("code") ? "Code" :
        part.matches(".arithmatex") ? "Formula" : "Table";
      part.tabIndex = 0;
      part.setAttribute("role", "region");
      part.setAttribute("aria-label", `${kind}, part ${index + 1} of the page, scrolls sideways`);
    } else if (part.getAttribute("role") === "region") {
      for (const name of ["tabindex", "role", "aria-label"]) part.removeAttribute(name);
    }
  };
  const markAll = () => {
    document.querySelectorAll(SCROLLING).forEach(mark);
    document.querySelectorAll(".md-code__nav").forEach((each, index) => {
      each.setAttribute("aria-label", `Copy block ${index + 1} of code`);
    });
  };

  // An animation plays once, unless the reader prefers reduced motion; a button repeats or pauses it.
  const play = (svg) => {
    const moving = [...svg.querySelectorAll("animate")];
    const button = document.createElement("button");
    const seconds = parseFloat(moving[0].getAttribute("dur"));
    let end = 0;
    const name = (text) => { button.textContent = text; };
    const start = () => {
      svg.unpauseAnimations();
      moving.forEach((each) => each.beginElement());
      name("Pause");
      clearTimeout(end);
      end = setTimeout(() => name("Play again"), 1000 * seconds);
    };
    button.type = "button";
    button.className = "md-button";
    button.addEventListener("click", () => {
      if (button.textContent === "Pause") {
        svg.pauseAnimations();
        clearTimeout(end);
        name("Resume");
      } else if (button.textContent === "Resume") {
        svg.unpauseAnimations();
        const left = seconds - (svg.getCurrentTime() - moving[0].getStartTime());
        end = setTimeout(() => name("Play again"), 1000 * Math.max(left, 0));
        name("Pause");
      } else {
        start();
      }
    });
    svg.parentElement.after(button);
    if (matchMedia("(prefers-reduced-motion: reduce)").matches) name("Play");
    else start();
  };

  addEventListener("load", () => {
    markAll();
    const animated = [...document.querySelectorAll(".figure svg")].filter((svg) => svg.querySelector("animate"));
    animated.forEach(play);
  });
  addEventListener("resize", markAll);
  document.addEventListener("toggle", markAll, true); // what a fold held has a width now
})();

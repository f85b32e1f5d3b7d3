// Below each figure, a button downloads it as an SVG file, which also contains its code.
"use strict";

(() => {
  const SVG = "http://www.w3.org/2000/svg";

  // The code is folded below the figure, or shown above it.
  function codeOf(figure) {
    for (let next = figure.nextElementSibling; next; next = next.nextElementSibling) {
      if (next.matches(".figure, h2, h3")) break;
      if (next.matches("details.note") && next.querySelector("summary").textContent.includes("code of"))
        return [...next.querySelectorAll("pre code")].map((code) => code.textContent).join("\n\n");
    }
    const above = figure.previousElementSibling;
    return above?.matches(".highlight") ? above.querySelector("code").textContent : "";
  }

  function fileOf(svg, code) {
    const copy = svg.cloneNode(true);
    copy.setAttribute("xmlns", SVG);
    copy.style.color = "black"; // of lines and text, which take the color of the page
    copy.style.fontFamily = getComputedStyle(svg).fontFamily;
    const description = document.createElementNS(SVG, "metadata");
    description.textContent = code;
    copy.prepend(description);
    return new Blob([new XMLSerializer().serializeToString(copy)], { type: "image/svg+xml" });
  }

  function download(svg, figure, name) {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(fileOf(svg, codeOf(figure)));
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  }

  const page = location.pathname.split("/").filter(Boolean).pop() ?? "figure";
  document.querySelectorAll(".md-typeset .figure").forEach((figure, index) => {
    const svg = figure.querySelector("svg");
    if (!svg) return;
    const button = document.createElement("button");
    button.type = "button";
    button.className = "download-svg";
    button.textContent = "SVG";
    button.title = "Download this figure, with its code";
    button.setAttribute("aria-label", `Download figure ${index + 1} as SVG`);
    const name = `${page.replace(/\.html$/, "")}-${index + 1}.svg`;
    button.addEventListener("click", () => download(svg, figure, name));
    figure.append(button);
  });
})();

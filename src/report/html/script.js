// What a mouse or a key may do beyond reading: zoom a time line, copy a line, filter findings. Nothing is fetched or
// kept, and no text of the page is ever made markup.
"use strict";
(() => {
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];

  // Time lines: two sliders choose the part of the time that is shown.
  const label = (ms, length) => {
    const text = new Date(ms).toISOString();
    return length > 36e5 * 36 ? text.slice(5, 16).replace("T", " ") : text.slice(11, length < 12e3 ? 23 : 19);
  };
  for (const figure of all("figure.time")) {
    const field = figure.querySelector("svg.field");
    const controls = figure.querySelector(".zoom");
    if (!field || !controls) continue;
    const [from, to] = all("input", controls);
    const out = controls.querySelector("output");
    const start = Number(figure.dataset.start);
    const length = Number(figure.dataset.length);
    const height = field.getAttribute("viewBox").split(" ")[3];
    const ticks = all("text.tick", figure);
    const draw = () => {
      const a = Number(from.value) / 1000;
      const b = Number(to.value) / 1000;
      field.setAttribute("viewBox", `${a * 10000} 0 ${(b - a) * 10000} ${height}`);
      const shown = (b - a) * length;
      ticks.forEach((tick, n) => {
        tick.textContent = label(start + a * length + (shown * n) / (ticks.length - 1), shown);
      });
      out.textContent = `${new Date(start + a * length).toISOString()} to ${new Date(start + b * length).toISOString()}`;
    };
    from.addEventListener("input", () => {
      if (Number(from.value) > Number(to.value) - 1) from.value = Number(to.value) - 1;
      draw();
    });
    to.addEventListener("input", () => {
      if (Number(to.value) < Number(from.value) + 1) to.value = Number(from.value) + 1;
      draw();
    });
    controls.querySelector("button").addEventListener("click", () => {
      from.value = 0;
      to.value = 1000;
      draw();
    });
    controls.hidden = false;
  }

  // A button to copy each line that is meant to be copied, made when it comes into sight.
  const copy = async (button, code) => {
    const text = code.textContent;
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      getSelection().selectAllChildren(code);
      document.execCommand("copy");
    }
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = "Copy"; }, 1500);
  };
  const equip = (root) => {
    for (const code of all("code.filter:not([data-copy])", root)) {
      code.dataset.copy = "";
      const button = document.createElement("button");
      button.type = "button";
      button.className = "copy";
      button.textContent = "Copy";
      button.addEventListener("click", () => copy(button, code));
      code.after(button);
    }
  };
  document.addEventListener("toggle", (event) => {
    if (event.target.open) equip(event.target);
  }, true);
  all("details[open]").forEach(equip);

  // Findings by words and level.
  const bar = document.getElementById("sift");
  const list = all("details.finding");
  if (bar && list.length > 1) {
    const words = bar.querySelector("input[type=search]");
    const levels = all("input[type=checkbox]", bar);
    const out = bar.querySelector("output");
    let texts = null;
    const sift = () => {
      texts ??= list.map((finding) => finding.textContent.toLowerCase());
      const wanted = words.value.toLowerCase().split(/\s+/).filter(Boolean);
      const chosen = new Set(levels.filter((box) => box.checked).map((box) => box.value));
      let shown = 0;
      list.forEach((finding, n) => {
        const fits = chosen.has(finding.dataset.level) && wanted.every((word) => texts[n].includes(word));
        finding.hidden = !fits;
        shown += fits;
      });
      out.textContent = `${shown} of ${list.length} shown`;
    };
    let later;
    bar.addEventListener("input", () => {
      clearTimeout(later);
      later = setTimeout(sift, 120);
    });
    bar.hidden = false;
  }

  // Paper has no key to unfold findings with. Lists inside them, and very long reports, stay folded.
  let unfolded = [];
  addEventListener("beforeprint", () => {
    const folded = all("details.finding:not([open])");
    if (folded.length > 300) return;
    unfolded = folded;
    unfolded.forEach((one) => { one.open = true; });
  });
  addEventListener("afterprint", () => {
    unfolded.forEach((one) => { one.open = false; });
    unfolded = [];
  });
})();

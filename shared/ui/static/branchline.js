// Keys, charts and small comforts. Every page works without this file, only plainer.
(() => {
  "use strict";
  const root = document.documentElement;
  root.classList.add("scripted");
  const one = (selector, within = document) => within.querySelector(selector);
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];

  // --- keys ---------------------------------------------------------------------------------------
  const typing = (target) => target.closest?.("input:not([type=checkbox]), textarea, select, [contenteditable]");
  const rows = () => all("table[data-list] tbody tr:not(.group-row), ul[data-list] > li");
  let going = -Infinity; // when g was pressed: a young page has not seen one

  function mark(step) {
    const list = rows();
    if (!list.length) return;
    const at = list.findIndex((row) => row.classList.contains("marked"));
    const next = at < 0 ? (step > 0 ? 0 : list.length - 1) : Math.min(Math.max(at + step, 0), list.length - 1);
    list[at]?.classList.remove("marked");
    list[next].classList.add("marked");
    const link = one("a[data-open], a", list[next]);
    if (link) link.focus({ preventScroll: true });
    list[next].scrollIntoView({ block: "nearest" });
  }

  function editMarked() {
    const link = one("[data-list] .marked a[data-edit]");
    if (link) location.assign(link.dataset.edit);
    return Boolean(link);
  }

  function openMarked() {
    one("[data-list] .marked a[data-open], [data-list] .marked a")?.click();
  }

  // The sheet of keys holds the focus while it is open and then gives it back.
  let before = null;
  const sheetShown = () => one("#keys.shown");
  function sheet(show) {
    const keys = one("#keys");
    if (!keys) return;
    if (show && !sheetShown()) before = document.activeElement;
    keys.classList.toggle("shown", show);
    if (show) one("a", keys)?.focus();
    else {
      if (location.hash === "#keys") history.replaceState(null, "", location.pathname + location.search);
      if (before?.isConnected) before.focus({ preventScroll: true });
      before = null;
    }
  }

  function pick() {
    const box = one("[data-list] .marked .pick input");
    box?.click();
    return Boolean(box);
  }

  // What Escape takes back: a field that is being corrected, else what is folded out around the focus.
  const FOLDED = "details.person[open], details.many[open], details.more[open]";
  function leave(from) {
    const cancel = from.closest?.(".fact-form") && one("[data-cancel]", from.closest(".fact-form"));
    if (cancel) cancel.click();
    const folded = from.closest?.(FOLDED);
    all(FOLDED).forEach((each) => each.matches(".person, .many") && each.removeAttribute("open"));
    if (folded) {
      folded.removeAttribute("open");
      one("summary", folded).focus();
    }
    if (location.hash === "#menu") {
      location.hash = "";
      one(".menu-open")?.focus();
    }
    return Boolean(cancel || folded);
  }

  function press(key) {
    const button = one(`[data-key="${CSS.escape(key)}"]`);
    if (!button) return false;
    if (button.matches("input, textarea, select")) {
      button.focus();
      button.select?.();
    } else button.click();
    return true;
  }

  const KEYS = { j: () => mark(1), k: () => mark(-1), "?": () => sheet(true), "/": () => press("/"), n: () => press("n"), e: () => editMarked() || press("e"), x: () => pick(), b: () => press("b") };

  document.addEventListener("keydown", (event) => {
    if (event.isComposing) return; // what is pressed now belongs to the input method
    if (sheetShown()) {
      if (["Escape", "?", "Tab"].includes(event.key)) event.preventDefault();
      if (["Escape", "?"].includes(event.key)) sheet(false);
      return;
    }
    if (event.key === "Escape") {
      if (!leave(event.target) && typing(event.target)) event.target.blur();
      return;
    }
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k" && press("/")) {
      event.preventDefault(); // the browser has its own use for it
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return;
    if (event.timeStamp - going < 1200) {
      going = -Infinity;
      const line = one(`[data-go="${CSS.escape(event.key)}"]`);
      if (line) {
        event.preventDefault();
        line.click();
      }
      return;
    }
    if (event.key === "g") {
      going = event.timeStamp;
      return;
    }
    if (event.key === "Enter" && !event.target.closest("a, button, summary, input")) openMarked();
    else if (KEYS[event.key]) {
      event.preventDefault();
      KEYS[event.key]();
    }
  });

  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-help]")) {
      event.preventDefault();
      sheet(true);
    } else if (event.target.closest("[data-close]") || event.target.matches("#keys")) {
      event.preventDefault();
      sheet(false);
    }
    all("details.person[open], details.many[open]").forEach((menu) => {
      if (!menu.contains(event.target)) menu.removeAttribute("open");
    });
  });

  // --- lists of which rows are chosen: one box marks all that are shown ---------------------------
  all("[data-pick-all]").forEach((whole) => {
    const boxes = all("td.pick input", whole.closest("form") || document);
    const tell = () => {
      const marked = boxes.filter((box) => box.checked).length;
      whole.checked = marked > 0 && marked === boxes.length;
      whole.indeterminate = marked > 0 && marked < boxes.length;
    };
    whole.closest("[hidden]").hidden = boxes.length < 2;
    whole.addEventListener("change", () => boxes.forEach((box) => (box.checked = whole.checked)));
    boxes.forEach((box) => box.addEventListener("change", tell));
    window.addEventListener("pageshow", tell); // the browser brings marks back with the page
  });

  // --- the search box: arrows go through what it offers, Enter opens it ---------------------------
  const box = one("#search[role=combobox]");
  const offers = one("#offers");
  if (box && offers) {
    const lines = () => all("[role=option]", offers);
    const choose = (line) => {
      lines().forEach((each) => each.setAttribute("aria-selected", String(each === line)));
      if (line) {
        box.setAttribute("aria-activedescendant", line.id);
        line.scrollIntoView({ block: "nearest" });
      } else box.removeAttribute("aria-activedescendant");
    };
    const show = (on) => {
      offers.hidden = !(on && offers.childElementCount);
      box.setAttribute("aria-expanded", String(!offers.hidden));
      choose(null);
    };
    const chosen = () => lines().find((line) => line.getAttribute("aria-selected") === "true");
    offers.addEventListener("htmx:afterSwap", () => show(document.activeElement === box));
    box.addEventListener("focus", () => show(true));
    box.form.addEventListener("focusout", (event) => {
      if (!box.form.contains(event.relatedTarget)) show(false);
    });
    // A press on an offer must not take the focus, or the offers are gone before the click.
    offers.addEventListener("mousedown", (event) => event.preventDefault());
    box.addEventListener("keydown", (event) => {
      const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
      if (event.isComposing) return;
      if (step && !offers.hidden) {
        event.preventDefault();
        const list = lines();
        const at = list.indexOf(chosen());
        choose(list[at < 0 ? (step > 0 ? 0 : list.length - 1) : (at + step + list.length) % list.length]);
      } else if (event.key === "Enter" && !offers.hidden && chosen()) {
        event.preventDefault();
        chosen().click();
      } else if (event.key === "Escape") show(false);
    });
  }

  // --- forms: one click sends once ----------------------------------------------------------------
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.method !== "post" || form.dataset.again !== undefined) return;
    if (form.dataset.sent) {
      event.preventDefault();
      return;
    }
    form.dataset.sent = "yes";
    setTimeout(() => delete form.dataset.sent, 8000);
  });
  window.addEventListener("pageshow", () => all("form[data-sent]").forEach((form) => delete form.dataset.sent));

  // A form that was refused begins at the first field that is wrong.
  one("main [aria-invalid=true]")?.focus();

  // --- a part that is replaced keeps the focus that was in it -------------------------------------
  let replaced = null;
  document.addEventListener("htmx:beforeSwap", (event) => {
    const place = event.detail.target;
    replaced = place?.id && place.contains(document.activeElement) ? place.id : null;
  });
  document.addEventListener("htmx:afterSettle", () => {
    const place = replaced && document.getElementById(replaced);
    if (!place || (document.activeElement && document.activeElement !== document.body)) return;
    replaced = null;
    (one("[hx-get]", place) || one("a, button, input, select, textarea", place))?.focus();
  });

  // --- what htmx could not fetch ------------------------------------------------------------------
  function toast(text) {
    one(".toast")?.remove();
    const box = document.createElement("div");
    box.className = "toast alert alert-danger";
    box.setAttribute("role", "alert");
    box.textContent = text;
    document.body.append(box);
    setTimeout(() => box.remove(), 8000);
  }
  document.addEventListener("htmx:responseError", (event) => {
    const page = new DOMParser().parseFromString(event.detail.xhr.responseText, "text/html");
    toast(page.querySelector(".problem-sentence")?.textContent || event.detail.xhr.statusText);
  });
  // A block that polls goes on polling when one answer is lost on the way.
  document.addEventListener("htmx:sendError", (event) => {
    const block = event.detail.elt;
    if (block?.matches?.(".progress-block")) setTimeout(() => window.htmx?.trigger(block, "load"), 3000);
  });

  // --- charts -------------------------------------------------------------------------------------
  const INK = "#566273";
  const COLOURS = ["#1d5fb4", "#8fb3de", "#c9822b", "#5d8a66", "#8a6fae", "#b0585a", "#4b8f9c", "#9a9a4d"];
  const MUTED = "#c3cbd6";

  function option(spec, language) {
    const digits = new Intl.NumberFormat(language, { maximumFractionDigits: spec.decimals ?? 2 });
    const short = new Intl.NumberFormat(language, { notation: "compact", maximumFractionDigits: 1 });
    const unit = spec.unit ? ` ${spec.unit}` : "";
    return {
      animation: false,
      textStyle: { fontFamily: getComputedStyle(document.body).fontFamily },
      color: COLOURS,
      grid: { left: 8, right: 12, top: spec.series.length > 1 ? 34 : 14, bottom: 4, containLabel: true },
      legend: spec.series.length > 1 ? { top: 0, left: 0, itemWidth: 12, itemHeight: 10, textStyle: { color: INK } } : undefined,
      tooltip: {
        trigger: "axis",
        renderMode: "richText",
        axisPointer: { type: spec.kind === "line" ? "line" : "shadow" },
        valueFormatter: (value) => (value == null ? "–" : digits.format(value) + unit),
      },
      xAxis: { type: "category", data: spec.labels, axisLabel: { color: INK, hideOverlap: true }, axisTick: { show: false }, axisLine: { lineStyle: { color: "#c3cbd6" } } },
      yAxis: { type: "value", axisLabel: { color: INK, formatter: (value) => short.format(value) }, splitLine: { lineStyle: { color: "#edf0f4" } } },
      series: spec.series.map((series) => ({
        name: series.name,
        type: spec.kind === "line" ? "line" : "bar",
        data: series.data,
        stack: spec.stacked ? "all" : undefined,
        barMaxWidth: 26,
        symbolSize: 5,
        itemStyle: series.muted ? { color: MUTED } : undefined,
      })),
    };
  }

  function draw(box) {
    let spec;
    try {
      spec = JSON.parse(box.dataset.chart);
    } catch {
      return;
    }
    box.hidden = false;
    box.parentElement.classList.add("drawn");
    const chart = window.echarts.init(box, null, { renderer: "canvas" });
    chart.setOption(option(spec, (box.dataset.lang || "zh-CN").replace("_", "-")));
    new ResizeObserver(() => chart.resize()).observe(box);
    if (spec.links) {
      chart.on("click", (mark) => {
        const url = spec.links[mark.dataIndex];
        if (url) location.assign(url);
      });
    }
  }

  function drawAll(within) {
    const boxes = all(".chart-canvas[hidden]", within);
    if (!boxes.length) return;
    const drawBoxes = () => boxes.forEach(draw);
    if (window.echarts) return drawBoxes();
    const script = document.createElement("script");
    script.src = boxes[0].dataset.echarts;
    script.addEventListener("load", drawBoxes);
    document.head.append(script);
  }

  // On a narrow screen the tab one stands at may lie beyond the edge of its bar.
  all(".tabs").forEach((bar) => {
    const here = bar.querySelector("[aria-current]");
    if (here) bar.scrollLeft = here.offsetLeft - bar.offsetLeft - (bar.clientWidth - here.offsetWidth) / 2;
  });

  drawAll(document);
  document.addEventListener("htmx:afterSettle", (event) => drawAll(event.detail.elt));
})();

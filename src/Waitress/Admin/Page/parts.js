// What the page is made of: text, numbers with their units, curves, lists, tables. In one script with status.js, which comes after. What the app or
// its clients say gets into the page as text nodes alone; the policy that the server sends (StatusPage.cs) forbids everything else.
"use strict";
const SVG = "http://www.w3.org/2000/svg";
const byId = id => document.getElementById(id);

function element(tag, attributes = {}, ...children) {
  const made = tag === "svg" || tag === "path" ? document.createElementNS(SVG, tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

// Only what has changed: so a selection stays, and a screen reader is not disturbed.
function put(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

function mark(node, name, on) {
  node.classList.toggle(name, Boolean(on));
}

// Numbers, each with its unit. What is not known is a dash.
const NONE = "–";
const known = form => value => value === null || value === undefined ? NONE : form(value);
const digits = (value, count) => value.toLocaleString("en-US", { minimumFractionDigits: count, maximumFractionDigits: count });
const whole = known(value => digits(value, 0));
const rate = known(value => digits(value, value === 0 || value >= 100 ? 0 : value >= 10 ? 1 : 2));
const perSecond = known(value => rate(value) + " /s");
const share = known(value => digits(100 * value, value < 0.1 && value > 0 ? 1 : 0) + " %");
const milliseconds = known(value => value >= 10 ? digits(value, 1) + " s"
  : digits(1000 * value, value >= 0.1 || value === 0 ? 0 : value >= 0.001 ? 1 : 2) + " ms");
// A worker's growth shows in the tenths of its MiB; of a rate three digits are enough.
const binary = precise => known(value => {
  let unit = 0;
  for (; value >= 1024 && unit < 4; unit++) value /= 1024;
  return digits(value, unit && value < precise ? 1 : 0) + " " + ["B", "KiB", "MiB", "GiB", "TiB"][unit];
});
const bytes = binary(1000), bytesPerSecond = value => binary(100)(value) + "/s";
const duration = known(value => {
  const units = [[86400, "d", 3600, "h"], [3600, "h", 60, "min"], [60, "min", 1, "s"]];
  for (const [size, name, lesser, lesserName] of units)
    if (value >= size) return `${Math.floor(value / size)} ${name} ${Math.floor(value % size / lesser)} ${lesserName}`;
  return digits(value, value < 10 ? 1 : 0) + " s";
});
// Of a window. One of a minute is up to a step of the server's history longer or shorter.
const span = seconds => {
  const minutes = Math.round(seconds / 60);
  if (minutes && Math.abs(seconds - 60 * minutes) <= 6) return minutes + " min";
  return seconds < 120 ? digits(seconds, 0) + " s" : digits(seconds / 60, 1) + " min";
};
const clock = seconds => new Date(1000 * seconds).toLocaleTimeString("en-GB");
const many = (count, word) => `${whole(count)} ${word}${count === 1 ? "" : "s"}`;

function panel(size, title, ...children) {
  const note = element("small");
  const section = element("section", { class: size, "aria-label": title || "Now" }, ...(title ? [element("h2", {}, title, note)] : []), ...children);
  byId("main").append(section);
  return { section, note };
}

// A curve: the last five minutes, the newest value at the right edge.
const POINTS = 60, WIDTH = 300, HEIGHT = 60;

function chart(title, note, unit, series) {
  const picture = element("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img" });
  const area = element("path", { class: "area" }), cursor = element("path", { class: "at" });
  const lines = series.map(each => element("path", { class: each.look }));
  const figures = series.map(() => element("b", {}, NONE));
  const read = element("p", { class: "read soft" });
  picture.append(area, ...lines, cursor);
  const key = element("ul", { class: "key" }, ...series.map((each, i) => element("li", { class: each.look }, figures[i], element("i"), each.name)));
  panel("third", title, key, picture, read).note.textContent = note;
  let shown, summary = "", at = null;

  function say() {
    const from = shown && at !== null ? shown.count - POINTS + at : -1;
    const on = from >= 0 && from < shown.count;
    const values = series.map((each, i) => on && `${each.name} ${unit(shown.values[i][from])}`).join(", ");
    put(read, on ? `${clock(shown.end - (POINTS - 1 - at) * shown.step)}: ${values}` : summary);
    cursor.setAttribute("d", on ? `M${x(at)} 0V${HEIGHT}` : "");
  }

  const x = place => WIDTH * place / (POINTS - 1);
  picture.addEventListener("pointermove", event => {
    const box = picture.getBoundingClientRect();
    at = Math.round((event.clientX - box.left) / box.width * (POINTS - 1));
    say();
  });
  picture.addEventListener("pointerleave", () => { at = null; say(); });
  return status => {
    const values = series.map(each => (status.history[each.curve] || []).slice(-POINTS));
    shown = { values, count: values[0].length, end: status.history.end, step: status.history.step };
    const numbers = values.flat().filter(value => value !== null), top = Math.max(0, ...numbers);
    const y = value => top ? HEIGHT - 1 - value / top * (HEIGHT - 4) : HEIGHT - 1;
    values.forEach((all, i) => {
      let d = "", filling = "", start = null;
      all.forEach((value, place) => {
        const across = x(POINTS - all.length + place).toFixed(1);
        if (value !== null) {
          const to = `${across} ${y(value).toFixed(1)}`;
          d += (start === null ? "M" : "L") + to;
          filling += start === null ? `M${across} ${HEIGHT}L${to}` : "L" + to;
          start ??= across;
        }
        if (start !== null && (value === null || place === all.length - 1)) {
          filling += `V${HEIGHT}Z`;
          start = null;
        }
      });
      lines[i].setAttribute("d", series[i].look === "fault" && !all.some(value => value > 0) ? "" : d);  // No errors: no red.
      if (series[i].filled) area.setAttribute("d", filling);
      put(figures[i], unit(series[i].now(status)));
    });
    summary = numbers.length ? `Last ${span(shown.count * shown.step)}, highest ${unit(top)}` : "No requests in the last five minutes";
    picture.setAttribute("aria-label", `${title}. ${summary}. Now: ${series.map((each, i) => `${each.name} ${figures[i].textContent}`).join(", ")}`);
    say();
  };
}

// A list of terms. The names are ours, or the metrics'.
function terms(list, pairs) {
  while (list.children.length > pairs.length) list.lastChild.remove();
  while (list.children.length < pairs.length) list.append(element("div", {}, element("dt"), element("dd")));
  pairs.forEach(([name, value, bad], i) => {
    const [term, figure] = list.children[i].children;
    put(term, name);
    put(figure, value);
    mark(figure, "bad", bad);
  });
}

// A table whose rows stay the same elements as long as their keys do. A column: title, text of an item, classes, whether that is bad. below(key) is
// a row of somebody else's that belongs below that one, if there is any.
function table(columns, key, below = () => null) {
  const cell = ([, , look = ""], i) => i ? element("td", { class: look }) : element("th", { class: look, scope: "row" });
  const head = element("tr", {}, ...columns.map(([title, , look]) => element("th", { scope: "col", class: look || "" }, title)));
  const body = element("tbody"), rows = new Map();
  const shown = element("table", {}, element("thead", {}, head), body);
  return {
    shown, body, rows,
    show(items) {
      const names = new Set(items.map(key));
      for (const [name, row] of rows) {
        if (names.has(name)) continue;
        row.remove();  // First of all: what is not moved keeps the focus.
        rows.delete(name);
      }
      let next = body.firstChild;
      for (const item of items) {
        const name = key(item);
        if (!rows.has(name)) rows.set(name, element("tr", {}, ...columns.map(cell)));
        const row = rows.get(name);
        columns.forEach(([, text, , bad], i) => {
          const value = text(item, row.children[i]);
          if (value !== undefined) put(row.children[i], value);
          if (bad) mark(row.children[i], "bad", bad(item));
        });
        for (const each of [row, below(name)]) {
          if (!each) continue;
          if (each === next) next = next.nextSibling;
          else body.insertBefore(each, next);
        }
      }
      shown.hidden = !items.length;
    },
  };
}

// A table whose rows and columns are fixed: rows are names with the text of a column's number.
function grid(columns, title, rows) {
  const cells = [];
  const body = rows.map(([name, value]) => element("tr", {}, element("th", { scope: "row" }, name), ...columns.map((each, i) => {
    const cell = element("td", { class: "n" });
    cells.push(() => put(cell, value(i)));
    return cell;
  })));
  const head = element("tr", {}, element("th", { scope: "col" }, title), ...columns.map(each => element("th", { scope: "col", class: "n" }, each)));
  return { made: element("table", {}, element("thead", {}, head), element("tbody", {}, ...body)), cells };
}

// Grids that are made anew when there is another window of time, which columns or grids are.
function renewable(section, make) {
  let sign, cells = [];
  return windows => {
    const now = windows.map(each => each.seconds).join();
    if (now !== sign) {
      sign = now;
      section.querySelectorAll("table").forEach(each => each.remove());
      cells = make(windows).flatMap(each => { section.append(each.made); return each.cells; });
    }
    cells.forEach(fill => fill());
  };
}

// The page /status: shows what /status.json says (docs/status.md), and nothing else. What comes from the app or its clients gets into the page as text
// nodes alone; the policy that the server sends (StatusPage.cs) forbids everything else.
"use strict";
const STEP = 2000, PATIENCE = 6000;  // Milliseconds: between two looks; for an answer, of which a worker that hangs takes two seconds.
const YOUNG = 0.5;  // Seconds. Under load the requests of an instant are noise; those that stay are the ones to see.
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
const milliseconds = known(value => value >= 10 ? digits(value, 1) + " s" : digits(1000 * value, value >= 0.1 || value === 0 ? 0 : value >= 0.001 ? 1 : 2) + " ms");
const bytes = known(value => {
  let unit = 0;
  for (; value >= 1024 && unit < 4; unit++) value /= 1024;
  return digits(value, unit && value < 1000 ? 1 : 0) + " " + ["B", "KiB", "MiB", "GiB", "TiB"][unit];
});
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
    put(read, on ? clock(shown.end - (POINTS - 1 - at) * shown.step) + ": " + series.map((each, i) => `${each.name} ${unit(shown.values[i][from])}`).join(", ") : summary);
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
  const head = element("tr", {}, ...columns.map(([title, , look]) => element("th", { scope: "col", class: look || "" }, title)));
  const body = element("tbody"), rows = new Map();
  const shown = element("table", {}, element("thead", {}, head), body);
  return {
    shown, body, rows,
    show(items) {
      const left = new Set(rows.keys());
      let next = body.firstChild;
      for (const item of items) {
        const name = key(item);
        left.delete(name);
        let row = rows.get(name);
        if (!row) rows.set(name, row = element("tr", {}, ...columns.map(([, , look], i) => element(i ? "td" : "th", i ? { class: look || "" } : { class: look || "", scope: "row" }))));
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
      for (const name of left) {
        rows.get(name).remove();
        rows.delete(name);
      }
      shown.hidden = !items.length;
    },
  };
}

// Of a young service all windows are one, and in its first second there is none.
const distinct = windows => windows.filter((each, i) => each.seconds >= 1 && (!i || each.seconds !== windows[i - 1].seconds));
const curves = [
  chart("Throughput", "last 10 s", perSecond, [
    { name: "requests", curve: "requests", look: "one", filled: true, now: status => status.rates[0]?.requests },
    { name: "errors (5xx)", curve: "errors", look: "fault", now: status => status.rates[0]?.errors }]),
  chart("Duration", "last minute", milliseconds, [
    { name: "p99", curve: "p99", look: "one", filled: true, now: status => status.times[0]?.duration.p99 },
    { name: "p50", curve: "p50", look: "two", now: status => status.times[0]?.duration.p50 }]),
  chart("Waiting", "last minute, p99", milliseconds, [
    { name: "for a thread (queue)", curve: "queue_p99", look: "one", filled: true, now: status => status.times[0]?.queue.p99 },
    { name: "for the GIL", curve: "gil_p99", look: "two", now: status => status.times[0]?.gil.p99 }]),
];

let last;  // What is shown.
const nameOf = request => `${request.worker}:${request.id}`;
// The stacks that are open, by the request. An open one stays when its request has ended, until it is closed: somebody reads it.
const open = new Map();

const nowList = element("dl");
panel("", "", nowList).section.id = "now";

const flight = table([
  ["Age", each => duration(each.age), "n", each => each.age >= 30],
  ["Request", each => `${each.method} ${each.path}`, "wide"],
  ["State", each => each.ended ? "ended" : each.state],
  ["Worker", each => last.workers.find(worker => worker.slot === each.worker)?.name ?? NONE, "n less"],
  ["Thread", each => each.thread ?? NONE, "less"],
  ["Client", each => each.client ?? NONE, "less"],
  ["", offer, "act"],
], nameOf, name => open.get(name)?.row);
const flightRest = element("p", { class: "soft" });
const flightPanel = panel("", "Requests in flight", flight.shown, flightRest);
flightPanel.section.id = "flight";

function offer(request, cell) {
  const name = nameOf(request);
  let button = cell.firstChild;
  if (!button) {
    button = element("button", { type: "button", "aria-expanded": "false" }, "Stack");
    button.setAttribute("aria-label", `Stack of ${request.method} ${request.path}`);
    button.addEventListener("click", () => open.has(name) ? close(name) : look(name, button));
    cell.append(button);
  }
  button.hidden = !request.thread && !open.has(name);
}

function close(name) {
  const { row, button } = open.get(name);
  open.delete(name);
  row.remove();
  button.setAttribute("aria-expanded", "false");
}

async function look(name, button) {
  const [worker, id] = name.split(":");
  const text = element("pre", { tabindex: "0", "aria-label": "Python stack, innermost call last" }, "…");
  const row = element("tr", {}, element("td", { colspan: 7 }, text));
  const request = last.in_flight.requests.find(each => nameOf(each) === name);
  open.set(name, { row, button, request });
  button.closest("tr").after(row);
  button.setAttribute("aria-expanded", "true");
  try {
    const answer = await fetch(`stack?worker=${worker}&id=${id}`, { cache: "no-store", signal: AbortSignal.timeout(PATIENCE) });
    text.textContent = (await answer.text()).trimEnd();
  } catch {
    text.textContent = "The server does not answer";
  }
}

let before = new Map();  // For rates: the requests of each process at the last look.
const workers = table([
  ["Worker", each => each.name, "n"],
  ["Process", each => String(each.pid), "n less"],
  ["State", each => each.state ?? NONE, "", each => each.state === "killed"],
  ["Age", each => duration(each.age), "n"],
  ["Requests", each => whole(each.requests), "n less"],
  ["Per second", each => rate(each.rate), "n less"],
  ["In flight", each => whole(each.in_flight), "n"],
  ["Queue", each => whole(each.queue), "n less"],
  ["Threads busy", each => `${each.busy_threads} of ${each.threads}`, "n less"],
  ["CPU", each => share(each.cpu_share), "n less"],
  ["Memory", each => bytes(each.resident), "n"],
  ["Private", each => bytes(each.private), "n less"],
  ["Files", each => whole(each.open_files), "n less"],
], each => `${each.slot}:${each.pid}`);
const workersPanel = panel("", "Workers", workers.shown);
workersPanel.section.id = "workers";

const routeColumns = (...more) => [
  ["Route", each => `${each.method} ${each.path}`, "wide"],
  ["Requests", each => whole(each.requests), "n"],
  ["Errors", each => whole(each.errors), "n less", each => each.errors > 0],
  ...more];
const routeKey = each => `${each.method} ${each.path}`;
const slow = table(routeColumns(["Mean", each => milliseconds(each.mean), "n"], ["Longest", each => milliseconds(each.max), "n"]), routeKey);
const failing = table([...routeColumns(["Share", each => share(each.errors / each.requests), "n"]), ["Mean", each => milliseconds(each.mean), "n"]], routeKey);
const noSlow = element("p", { class: "soft" }, "No request has ended."), noFailing = element("p", { class: "soft" }, "None: no answer was a 5xx.");
const slowPanel = panel("half", "Slowest routes", slow.shown, noSlow), failingPanel = panel("half", "Failing routes", failing.shown, noFailing);
slowPanel.section.id = "slowest";
failingPanel.section.id = "failing";

// Tables of which the windows of time are the columns, or the groups of rows; made anew when a window is added.
function grid(windows, title, rows) {
  const cells = [];
  const body = rows.map(([name, value]) => element("tr", {}, element("th", { scope: "row" }, name), ...windows.map((each, i) => {
    const cell = element("td", { class: "n" });
    cells.push(() => put(cell, value(i)));
    return cell;
  })));
  const head = element("tr", {}, element("th", { scope: "col" }, title), ...windows.map(each => element("th", { scope: "col", class: "n" }, each)));
  return { made: element("table", {}, element("thead", {}, head), element("tbody", {}, ...body)), cells };
}

const RATES = [["Requests", "requests", perSecond], ["Errors (5xx)", "errors", perSecond], ["Client errors (4xx)", "client_errors", perSecond], ["Refused by the server", "refused", perSecond],
  ["Received", "bytes_in", value => bytes(value) + "/s"], ["Sent", "bytes_out", value => bytes(value) + "/s"], ["Threads busy", "busy", share]];
const TIMES = [["Whole request", "duration"], ["Queue", "queue"], ["GIL", "gil"], ["App", "app"]];
const RANKS = ["p50", "p90", "p99", "mean"];
const ratesPanel = panel("half", "Rates"), timesPanel = panel("half", "Times");

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

const showRates = renewable(ratesPanel.section, windows => [grid(windows.map(each => span(each.seconds)), "", RATES.map(([name, key, form]) => [name, i => form(last.rates[i]?.[key])]))]);
const showTimes = renewable(timesPanel.section, windows => windows.map((window, w) =>
  grid(RANKS, "Last " + span(window.seconds), TIMES.map(([name, key]) => [name, i => milliseconds(last.times[w]?.[key][RANKS[i]])]))));

const totalsList = element("dl");
panel("", "Since the start", totalsList).section.id = "totals";
const reasons = (title, all, bad) => Object.entries(all).map(([name, count]) => [`${title}: ${name.replaceAll("_", " ")}`, whole(count), bad]);

function show(status) {
  const { service, now, totals } = last = status;
  [status.rates, status.times] = [distinct(status.rates), distinct(status.times)];
  const sum = key => status.workers.reduce((all, each) => each[key] === null || all === null ? null : all + each[key], 0);
  put(byId("app"), service.app ?? "Waitress Sharp");
  put(byId("about"), [`Waitress Sharp ${service.version}`, `Python ${service.python}`, service.listen.join(" "),
    `${service.supervised ? "supervisor" : "process"} ${service.pid}`, `up ${duration(service.uptime)}`, ...(service.generation > 1 ? [`generation ${service.generation}`] : [])].join(" · "));
  put(byId("state"), service.ready ? service.state : `${service.state}, not ready: ${service.reason}`);
  byId("state").className = "state " + (service.ready && service.state !== "stopping" ? "good" : "bad");
  document.title = `${service.app ?? "Status"} · ${perSecond(status.rates[0]?.requests)}`;
  curves.forEach(curve => curve(status));
  const states = Object.entries(now.workers).filter(([name, count]) => count && name !== "ready").map(([name, count]) => `, ${count} ${name}`).join("");
  terms(nowList, [
    ["In flight", whole(now.in_flight)], ["Queue", whole(now.queue)], ["Oldest waits", now.queue ? milliseconds(now.oldest_wait) : NONE],
    ["Threads busy", `${whole(now.busy_threads)} of ${whole(now.threads)}`], ["Connections", whole(now.connections)],
    ["Workers ready", `${now.workers.ready ?? 0} of ${service.wanted}${states}`, (now.workers.ready ?? 0) < service.wanted], ["CPU", share(sum("cpu_share"))], ["Private memory", bytes(sum("private"))]]);

  const requests = status.in_flight.requests, aged = requests.filter(each => each.age >= YOUNG || open.has(nameOf(each)));
  for (const [name, { request }] of open) {
    const running = requests.find(each => nameOf(each) === name);
    if (running) open.get(name).request = running;
    else aged.push({ ...request, ended: true });
  }
  aged.sort((one, other) => other.age - one.age);
  flight.show(aged);
  for (const [name, row] of flight.rows) mark(row, "over", aged.find(each => nameOf(each) === name).ended);
  const young = requests.length - aged.filter(each => !each.ended).length;
  put(flightPanel.note, status.in_flight.partial ? "not all: a worker has not answered, or there are very many" : "");
  put(flightRest, young || !aged.length ? `${young ? many(young, "request") : "None"}${young && aged.length ? " more" : ""}${young ? `, younger than ${YOUNG} s` : ""}.` : "");

  const moment = status.time, after = new Map();
  for (const each of status.workers) {
    const past = before.get(each.pid);
    each.rate = past && moment > past.moment ? Math.max(0, each.requests - past.requests) / (moment - past.moment) : null;
    after.set(each.pid, { moment, requests: each.requests });
  }
  before = after;
  workers.show(status.workers);
  put(workersPanel.note, service.worker_class + (service.supervised ? "" : ", no supervisor"));

  const window = `last ${span(status.routes.seconds)}${status.routes.partial ? ", not all" : ""}`;
  put(slowPanel.note, `${window}, by their mean`);
  put(failingPanel.note, window);
  slow.show(status.routes.slowest);
  failing.show(status.routes.failing);
  noSlow.hidden = status.routes.slowest.length > 0;
  noFailing.hidden = status.routes.failing.length > 0;

  showRates(status.rates);
  showTimes(status.times);
  const classes = Object.entries(totals.status).filter(([, count]) => count).map(([name, count]) => [name === "none" ? "Client had gone" : `Answers ${name}`, whole(count), name === "5xx"]);
  terms(totalsList, [
    ["Requests", whole(totals.requests)], ...classes, ["Received", bytes(totals.bytes_in)], ["Sent", bytes(totals.bytes_out)], ["Connections", whole(totals.connections)],
    ["Timeouts", whole(totals.timeouts), totals.timeouts], ...reasons("Refused", totals.refused), ...reasons("Connections refused", totals.connections_refused, true),
    ...reasons("Restarts", totals.restarts), ["Log lines lost", whole(totals.log_lines_lost), totals.log_lines_lost]]);
}

let timer, asking = false, paused = false, heard = null;

function alarm(text) {
  put(byId("alarm"), text);
  byId("alarm").hidden = !text;
  mark(byId("main"), "stale", text);
}

async function turn() {
  clearTimeout(timer);
  if (paused || document.hidden || asking) return;
  asking = true;
  let status;
  try {
    const answer = await fetch("status.json", { cache: "no-store", signal: AbortSignal.timeout(PATIENCE) });
    if (!answer.ok) throw new Error();
    status = await answer.json();
  } catch {
    alarm(heard ? `The server has not answered since ${clock(heard)}. What stands here is from then.` : "The server does not answer.");
    byId("state").className = "state bad";
    put(byId("state"), "no answer");
  }
  if (status) {
    heard = Date.now() / 1000;
    try {
      show(status);
      alarm("");
    } catch (error) {
      alarm(`What the server says can't be shown (${error.message}). It may be of another version: load this page anew.`);
    }
  }
  asking = false;
  timer = setTimeout(turn, STEP);
}

byId("pause").addEventListener("click", () => {
  paused = !paused;
  put(byId("pause"), paused ? "Go on" : "Pause");
  turn();
});
document.addEventListener("visibilitychange", turn);
turn();

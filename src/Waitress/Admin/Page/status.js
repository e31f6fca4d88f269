// The page /status: shows what /status.json says (docs/status.md), and nothing else.
const STEP = 2000, PATIENCE = 6000;  // Milliseconds: between two looks; for an answer, of which a worker that hangs takes two seconds.
const YOUNG = 0.5;  // Seconds. Under load the requests of an instant are noise; those that stay are the ones to see.

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
const failing = table(routeColumns(["Share", each => share(each.errors / each.requests), "n"], ["Mean", each => milliseconds(each.mean), "n"]), routeKey);
const noSlow = element("p", { class: "soft" }, "No request has ended."), noFailing = element("p", { class: "soft" }, "None: no answer was a 5xx.");
const slowPanel = panel("half", "Slowest routes", slow.shown, noSlow), failingPanel = panel("half", "Failing routes", failing.shown, noFailing);
slowPanel.section.id = "slowest";
failingPanel.section.id = "failing";

const RATES = [
  ["Requests", "requests", perSecond], ["Errors (5xx)", "errors", perSecond], ["Client errors (4xx)", "client_errors", perSecond],
  ["Refused", "refused", perSecond], ["Received", "bytes_in", bytesPerSecond], ["Sent", "bytes_out", bytesPerSecond], ["Threads busy", "busy", share]];
const TIMES = [["Whole request", "duration"], ["Queue", "queue"], ["GIL", "gil"], ["App", "app"]];
const RANKS = ["p50", "p90", "p99", "mean"];
const ratesPanel = panel("half", "Rates"), timesPanel = panel("half", "Times");

const showRates = renewable(ratesPanel.section, windows =>
  [grid(windows.map(each => span(each.seconds)), "", RATES.map(([name, key, form]) => [name, i => form(last.rates[i]?.[key])]))]);
const showTimes = renewable(timesPanel.section, windows => windows.map((window, w) =>
  grid(RANKS, "Last " + span(window.seconds), TIMES.map(([name, key]) => [name, i => milliseconds(last.times[w]?.[key][RANKS[i]])]))));

const totalsList = element("dl");
panel("", "Since the start", totalsList).section.id = "totals";

function showService({ service, rates }) {
  put(byId("app"), service.app ?? "Waitress Sharp");
  put(byId("about"), [
    `Waitress Sharp ${service.version}`, `Python ${service.python}`, service.listen.join(" "), `${service.supervised ? "supervisor" : "process"} ${service.pid}`,
    `up ${duration(service.uptime)}`, service.generation > 1 && `generation ${service.generation}`].filter(Boolean).join(" · "));
  put(byId("state"), service.ready ? service.state : `${service.state}, not ready: ${service.reason}`);
  byId("state").className = "state " + (service.ready && service.state !== "stopping" ? "good" : "bad");
  document.title = `${service.app ?? "Status"} · ${perSecond(rates[0]?.requests)}`;
}

function showNow({ service, now, workers }) {
  const sum = key => workers.reduce((all, each) => each[key] === null || all === null ? null : all + each[key], 0);
  const ready = now.workers.ready ?? 0, others = Object.entries(now.workers).filter(([name, count]) => count && name !== "ready");
  terms(nowList, [
    ["In flight", whole(now.in_flight)], ["Queue", whole(now.queue)], ["Oldest waits", now.queue ? milliseconds(now.oldest_wait) : NONE],
    ["Threads busy", `${whole(now.busy_threads)} of ${whole(now.threads)}`], ["Connections", whole(now.connections)],
    ["Workers ready", [`${ready} of ${service.wanted}`, ...others.map(([name, count]) => `${count} ${name}`)].join(", "), ready < service.wanted],
    ["CPU", share(sum("cpu_share"))], ["Private memory", bytes(sum("private"))]]);
}

function showFlight({ in_flight: { requests, partial } }) {
  const aged = requests.filter(each => each.age >= YOUNG || open.has(nameOf(each))), young = requests.length - aged.length;
  for (const [name, opened] of open) {
    const running = requests.find(each => nameOf(each) === name);
    if (running) opened.request = running;
    else aged.push({ ...opened.request, ended: true });
  }
  aged.sort((one, other) => other.age - one.age);
  flight.show(aged);
  for (const each of aged) mark(flight.rows.get(nameOf(each)), "over", each.ended);
  put(flightPanel.note, partial ? "not all: a worker has not answered, or there are very many" : "");
  put(flightRest, young ? `${many(young, "request")}${aged.length ? " more" : ""}, younger than ${YOUNG} s.` : aged.length ? "" : "None.");
}

function showWorkers({ time, service, workers: all }) {
  for (const each of all) {
    const past = before.get(each.pid);
    each.rate = past && time > past.time ? Math.max(0, each.requests - past.requests) / (time - past.time) : null;
  }
  before = new Map(all.map(each => [each.pid, { time, requests: each.requests }]));
  workers.show(all);
  put(workersPanel.note, service.worker_class + (service.supervised ? "" : ", no supervisor"));
}

function showRoutes({ routes }) {
  const window = `last ${span(routes.seconds)}${routes.partial ? ", not all" : ""}`;
  put(slowPanel.note, `${window}, by their mean`);
  put(failingPanel.note, window);
  slow.show(routes.slowest);
  failing.show(routes.failing);
  noSlow.hidden = routes.slowest.length > 0;
  noFailing.hidden = routes.failing.length > 0;
}

function showTotals({ totals }) {
  const reasons = (title, all, bad) => Object.entries(all).map(([name, count]) => [`${title}: ${name.replaceAll("_", " ")}`, whole(count), bad]);
  const answers = Object.entries(totals.status).filter(([, count]) => count)
    .map(([name, count]) => [name === "none" ? "Client had gone" : `Answers ${name}`, whole(count), name === "5xx"]);
  terms(totalsList, [
    ["Requests", whole(totals.requests)], ...answers, ["Received", bytes(totals.bytes_in)], ["Sent", bytes(totals.bytes_out)],
    ["Connections", whole(totals.connections)], ["Timeouts", whole(totals.timeouts), totals.timeouts], ...reasons("Refused", totals.refused),
    ...reasons("Connections refused", totals.connections_refused, true), ...reasons("Restarts", totals.restarts),
    ["Log lines lost", whole(totals.log_lines_lost), totals.log_lines_lost]]);
}

function show(status) {
  last = { ...status, rates: distinct(status.rates), times: distinct(status.times) };
  for (const part of [showService, ...curves, showNow, showFlight, showWorkers, showRoutes, showTotals]) part(last);
  showRates(last.rates);
  showTimes(last.times);
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

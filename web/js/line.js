// The line's screen. Everything shown is from the newest status document, with its age; nothing is kept
// but a minute of counts, for rates, and the counters as they were first seen, to mark what is new.
import { watch, text, kg, ask, newId } from "./live.js";

const $ = (id) => document.getElementById(id);
const STALE_MS = 1000;
const MINUTE = 60000;
const TREND_STEP = 5000; // one point of the ten-minute curve
const TREND_POINTS = 120;
const TONES = { execute: "", stopped: "", suspended: "wait" };
const COUNTERS = ["late_plc", "late_host", "lost_plc", "unreadable", "adopted"];

let doc = null;
let arrived = -1e9;
let away = false;
const cards = new Map(); // line → its card and what is remembered of it

const since = () => performance.now() - arrived;
const time = (ms) => new Date(ms).toLocaleTimeString(document.documentElement.lang, { hour12: false });

function make(tag, cls, content) {
  const e = document.createElement(tag);
  if (cls) e.className = cls;
  if (content !== undefined) e.textContent = content;
  return e;
}

function put(e, value) {
  const s = String(value);
  if (e.textContent !== s) e.textContent = s;
}

// ---- one line

function newCard(name) {
  const root = $("line").content.firstElementChild.cloneNode(true);
  const card = { root, name, samples: [], trend: [], first: null, sure: 0, id: newId(), wanted: false };
  put(root.querySelector(".name"), name);
  root.querySelector(".stop").onclick = () => press(card);
  put(root.querySelector(".said"), text("nostop"));
  $("lines").append(root);
  cards.set(name, card);
  return card;
}

// Stopping takes two presses within five seconds, so that a sleeve does not stop the feed; going on one.
async function press(card) {
  const stop = card.root.querySelector(".stop");
  if (!card.wanted && performance.now() > card.sure) {
    card.sure = performance.now() + 5000;
    drawStop(card);
    return;
  }
  card.sure = 0;
  stop.disabled = true;
  const r = await ask(card.wanted ? "feed.release" : "feed.stop", { line: card.name }, card.id);
  if (!r.unsure) card.id = newId();
  stop.disabled = false;
  put(card.root.querySelector(".said"), r.error || text("nostop"));
}

function drawStop(card) {
  const b = card.root.querySelector(".stop");
  const sure = !card.wanted && performance.now() <= card.sure;
  b.classList.toggle("sure", sure);
  b.classList.toggle("on", card.wanted);
  put(b, card.wanted ? text("release") : sure ? text("sure") : text("stop"));
}

// Counts of the last minute as a rate per `per` milliseconds; null until there are five seconds of them.
function rate(card, key, per) {
  const [old, now] = [card.samples[0], card.samples[card.samples.length - 1]];
  if (!now || now.t - old.t < 5000) return null;
  return Math.max(0, (now[key] - old[key]) / (now.t - old.t) * per);
}

function remember(card, l, t) {
  const last = card.samples[card.samples.length - 1];
  if (last && (l.items < last.items || l.epoch !== last.epoch)) card.samples = [];
  if (!last || t - last.t >= 500) card.samples.push({ t, items: l.items, net_mg: l.net_mg, epoch: l.epoch });
  while (card.samples.length && t - card.samples[0].t > MINUTE) card.samples.shift();
  if (!card.first) card.first = Object.fromEntries(COUNTERS.map((k) => [k, l[k]]));
}

// A point every five seconds; null where nothing was known, which leaves a gap in the curve.
function drawTrend(card, known) {
  const now = performance.now(), last = card.trend[card.trend.length - 1];
  if (!last || now - last.t >= TREND_STEP) {
    const ago = card.samples.find((s) => s.t >= arrived - 2 * TREND_STEP), end = card.samples[card.samples.length - 1];
    const ok = known && ago && end.t - ago.t >= TREND_STEP;
    card.trend.push({ t: now, v: ok ? (end.items - ago.items) / (end.t - ago.t) * MINUTE : null });
    if (card.trend.length > TREND_POINTS) card.trend.shift();
  }
  const most = Math.max(1, ...card.trend.map((p) => p.v || 0));
  let d = "", pen = "M";
  for (const p of card.trend) {
    const x = 600 - (now - p.t) / TREND_STEP * 5;
    if (p.v !== null) d += `${pen}${x.toFixed(1)} ${(97 - p.v / most * 92).toFixed(1)}`;
    pen = p.v === null ? "M" : "L";
  }
  card.root.querySelector(".trend path").setAttribute("d", d);
  put(card.root.querySelector(".most"), most > 1 ? text("most", { n: Math.round(most) }) : "");
}

function barOf(percent) {
  const bar = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  bar.setAttribute("viewBox", "0 0 100 1");
  bar.setAttribute("preserveAspectRatio", "none");
  const r = bar.appendChild(document.createElementNS("http://www.w3.org/2000/svg", "rect"));
  r.setAttribute("width", percent);
  r.setAttribute("height", 1);
  return bar;
}

function gradeBars(l) {
  const all = Math.max(1, l.grades.reduce((a, b) => a + b, 0));
  const order = l.grades.map((n, i) => [i, n]).filter(([i, n]) => i > 0 || n > 0);
  return order.sort((a, b) => (a[0] || 99) - (b[0] || 99)).flatMap(([i, n]) => {
    return [make("span", "", i || text("nograde")), barOf(n / all * 100), make("span", "", Math.round(n / all * 100) + " %")];
  });
}

const grams = (mg) => kg(Math.round(mg / 1000) * 1000);

function outletTile(l, o) {
  const full = o.capacity_mg > 0 ? Math.min(100, Math.round(o.fill_mg * 100 / o.capacity_mg)) : null;
  const e = make("div", "out" + (o.blocked ? " bad" : full !== null && full >= 90 ? " warn" : ""));
  const head = make("div", "", text("outlet", { outlet: o.outlet }) + (o.outlet === l.default_outlet ? " · " + text("default") : ""));
  const lang = document.documentElement.lang.startsWith("zh") ? "zh" : "en";
  const grades = (l.routes || []).filter((g) => g.outlets.includes(o.outlet));
  // An outlet that a grade only overflows to says so by the order of its grades: first its own.
  grades.sort((a, b) => a.outlets.indexOf(o.outlet) - b.outlets.indexOf(o.outlet));
  e.append(head, make("div", "grade", grades.map((g) => g[lang]).join(" · ") || "–"), make("b", "", grams(o.fill_mg) + " kg"));
  if (full !== null) {
    const bar = make("span", "bar");
    bar.append(barOf(full));
    e.append(bar, make("span", "m", full + " % · "));
  }
  e.append(make("span", "m", text("pieces", { n: o.items })));
  if (o.blocked) e.append(" ", make("em", "", text("blocked")));
  else if (full !== null && full >= 100) e.append(" ", make("em", "", text("full")));
  return e;
}

function counts(card, l) {
  const rows = COUNTERS.map((k) => [text(k), l[k], l[k] > card.first[k] ? "new" : ""]);
  const open = l.ack_epoch === l.epoch ? Math.max(0, l.head_seq - l.ack_seq) : 0;
  rows.push([text("waiting"), open, open > 200 ? "new" : ""], [text("slot"), (l.slot_p99_us / 1000).toFixed(1) + " ms", ""]);
  return rows.map(([k, v, cls]) => {
    const div = make("div", cls);
    div.append(make("dt", "", k), make("dd", "", v));
    return div;
  });
}

function drawLine(l) {
  const card = cards.get(l.line) || newCard(l.line);
  const r = card.root;
  remember(card, l, arrived);
  card.wanted = l.feed_stop_wanted;
  const odd = l.quarantined ? "quarantined" : l.foreign_host ? "foreign" : l.table_mode ? "table" : "";
  const tone = odd ? "bad" : l.state in TONES ? TONES[l.state] : "bad";
  r.className = "card one" + (tone ? " tone-" + tone : "");
  r.querySelector(".state use").setAttribute("href", l.link_up ? "#i-bad" : "#i-link");
  put(r.querySelector(".state b"), odd ? text(odd) : text(l.feed_stop_wanted && l.state === "execute" ? "wanted" : l.state));
  const per = rate(card, "items", MINUTE), kgh = rate(card, "net_mg", 60 * MINUTE);
  put(r.querySelector(".rate"), per === null ? "–" : Math.round(per));
  put(r.querySelector(".kgh"), kgh === null ? "–" : (kgh / 1e6).toFixed(kgh < 1e8 ? 1 : 0));
  put(r.querySelector(".items"), l.items);
  put(r.querySelector(".run"), l.run || "–");
  r.querySelector(".outlets").replaceChildren(...l.outlets.map((o) => outletTile(l, o)));
  r.querySelector(".grades").replaceChildren(...gradeBars(l));
  drawTrend(card, l.link_up && !l.stale);
  r.querySelector(".counts").replaceChildren(...counts(card, l));
  drawStop(card);
}

// ---- beside it

function row(name, value, cls) {
  const li = make("li");
  li.append(make("span", "", name), make("span", cls || "m", value));
  return li;
}

function list(id, rows, none) {
  $(id).replaceChildren(...(rows.length ? rows : [make("li", "m", none)]));
}

function alarmRow(a) {
  const li = make("li");
  const known = text("a." + a.code); // the key itself when there are no words for it
  const what = known === "a." + a.code ? a.code : known;
  li.append(make("b", "", [a.line, what].filter(Boolean).join(" · ")), make("div", "m", a.text),
    make("div", "m", text("since", { time: time(a.since_ms) }) + (a.count > 1 ? " · " + text("times", { n: a.count }) : "")));
  return li;
}

function drawBeside() {
  list("alarms", (doc.alarms || []).map(alarmRow), text("noalarm"));
  const devices = (doc.scales || []).map((s) => (s.link_up && s.good ? row(s.scale, kg(s.net_mg) + " kg") : row(s.scale, text("offline"), "bad")));
  for (const d of doc.drives || [])
    devices.push(!d.link_up ? row(d.drive, text("driveoff"), "bad") : d.fault ? row(d.drive, text("fault", { n: d.fault }), "bad")
      : row(d.drive, text(d.running ? "running" : "idle") + " · " + (d.speed_mhz / 1000).toFixed(1) + " Hz"));
  list("devices", devices, "–");
  const rec = doc.record || {};
  $("record").replaceChildren(...[[text("event"), doc.head], [text("commit"), Math.round((rec.commit_max_us || 0) / 1000) + " ms"]].map(([k, v]) => {
    const div = make("div");
    div.append(make("dt", "", k), make("dd", "", v));
    return div;
  }));
  if (rec.failed) $("record").prepend(row(text("failed"), "!", "bad"));
  list("sinks", (doc.sinks || []).map((s) => {
    const old = doc.at_ms - s.at_ms > 30000;
    return row(s.sink, old ? text("silent") : s.lag > 0 ? text("lag", { n: s.lag }) : text("sent"), old ? "bad" : s.lag > 1000 ? "wait" : "m");
  }), text("nosink"));
}

function draw() {
  if (!doc) return;
  if (!cards.size) $("lines").replaceChildren();
  for (const l of doc.lines || []) drawLine(l);
  drawBeside();
  put($("asof"), text("asof", { time: time(doc.at_ms) }));
}

// Ages go on even when no document comes any more.
function drawAges() {
  $("away").hidden = !away && since() < 3000;
  if (!doc) return;
  for (const l of doc.lines || []) {
    const card = cards.get(l.line);
    const age = l.age_ms < 0 ? null : Math.round((l.age_ms + since()) / 100) * 100;
    put(card.root.querySelector(".age"), age === null ? text("never") : text("ago", { ms: age }));
    card.root.classList.toggle("old", age === null || age > STALE_MS || away);
    drawStop(card);
  }
}

let drawn = -1e9;
watch({
  status(d, at) {
    doc = d;
    arrived = at;
    away = false;
    if (at - drawn < 400) return;
    drawn = at;
    draw();
    drawAges();
  },
  away() {
    away = true;
    drawAges();
  },
});
setInterval(drawAges, 200);

// The weighing station: one screen. What the scale shows comes live; what a person chose stands in `c`.
// Recording sends placement and weight as shown, with a request id that changes only after a definite
// answer, so that a double tap, a lost answer or a second try counts once.
import { watch, text, kg, ask, newId } from "./live.js";
import { c, data, STEPS, stepsNow, missing, settle, named, person, gradeName } from "./choices.js";

const $ = (id) => document.getElementById(id);
const station = document.body.dataset.station;
const STALE_MS = 500;
const TONES = { ready: "ready", accepted: "done", empty: "idle", moving: "wait", "not-zero": "wait", "too-light": "wait" };
const REASONS = ["v.weight", "v.choice", "v.twice", "v.other"];

let view = null; // the station in the newest status document
let arrived = -1e9;
let away = false;
let busy = false;
let attempt = newId();

// ---- drawing

function button(label, sub, onclick, pressed) {
  const b = document.createElement("button");
  b.append(label);
  if (sub) {
    const s = document.createElement("small");
    s.textContent = sub;
    b.append(s);
  }
  if (pressed !== undefined) b.setAttribute("aria-pressed", pressed);
  b.onclick = onclick;
  return b;
}

function stepButton(step) {
  const shown = STEPS[step].shown();
  const b = document.createElement("button");
  b.className = "step";
  b.dataset.step = step;
  b.setAttribute("aria-pressed", String(step === active() && !special));
  b.onclick = () => pickStep(step);
  for (const [cls, t] of [["k", text(step)], [shown ? "v" : "v open", shown || text("choose")], ["k", "▶"]]) {
    const s = document.createElement("span");
    s.className = cls;
    s.textContent = t;
    b.append(s);
  }
  return b;
}

function drawSteps() {
  $("steps").replaceChildren(...stepsNow().map(stepButton));
  const actions = [];
  if (c.mode === "intake" && c.lot && c.lot !== "new") actions.push(button(text("lotdone"), c.lot, closeLot));
  if (c.mode === "hand" && c.task && c.task !== "new") actions.push(button(text("handdone"), c.task, closeTask));
  $("actions").replaceChildren(...actions);
  drawPicker();
  drawAccept();
}

function drawAccept() {
  const open = missing();
  const purpose = c.mode === "hand" ? (c.task === "new" ? "hand.out" : "hand.back") : c.mode;
  const fresh = view && age() <= STALE_MS && !away;
  const ready = fresh && view.state === "ready" && !open && !busy;
  const what = purpose === "hand.back" && c.grade ? " " + gradeName(c.grade) : "";
  $("verb").textContent = open ? text("first", { what: text(open) }) : text(purpose) + what + (ready ? " " + kg(view.net_mg) + " kg" : "");
  $("accept").disabled = !ready;
}

const age = () => (view ? view.age_ms + performance.now() - arrived : Infinity);

let drawn = "";
function drawScale() {
  const old = !view || age() > STALE_MS || away;
  const state = !view ? "offline" : old && !["offline", "error"].includes(view.state) ? "stale" : view.state;
  const tone = TONES[state] || "bad";
  const sight = JSON.stringify([state, tone, old, view && [view.net_mg, view.gross_mg, view.tare_mg, view.tare_unknown]]);
  $("age").textContent = view && Number.isFinite(age()) ? text("ago", { ms: Math.min(99999, Math.max(0, Math.round(age() / 100) * 100)) }) : "";
  if (sight !== drawn) {
    drawn = sight;
    $("scale").dataset.tone = tone;
    $("scale").dataset.state = state;
    $("scale").classList.toggle("stale", old);
    $("state").querySelector("use").setAttribute("href", "#i-" + (tone === "bad" && (state === "offline" || old) ? "link" : tone));
    $("word").textContent = text(state);
    if (view) {
      $("net").textContent = kg(view.net_mg);
      $("gross").textContent = view.tare_unknown ? "–" : kg(view.gross_mg); // the scale shows one weight
      $("tare").textContent = view.tare_unknown ? "–" : kg(view.tare_mg);
    }
  }
  $("away").hidden = !away;
  drawAccept();
}

function say(tone, message, link) {
  const p = $("said");
  p.className = tone;
  p.textContent = message;
  if (link) {
    const a = document.createElement("a");
    a.className = "button";
    a.href = link.href;
    a.target = "_blank";
    a.textContent = link.label;
    p.append(a);
  }
}

function drawRecent() {
  const rows = window.innerWidth > 760 ? Math.max(1, Math.floor($("recent").clientHeight / 63)) : 5;
  $("recent").replaceChildren(...data.weighings.slice(0, rows).map((w) => {
    const li = document.createElement("li");
    const lot = named(data.lots, "id", w.lot);
    const who = w.purpose === "intake" && lot ? person(data.farmers, lot.farmer) : "";
    const what = [text(w.purpose), who, gradeName(w.grade), w.box || w.lot].filter(Boolean).join(" · ");
    const b = document.createElement("b");
    b.textContent = kg(w.net_mg);
    const s = document.createElement("span");
    s.textContent = what;
    li.append(b, s);
    if (w.voided) li.className = "void";
    else if (w.purpose !== "check") li.append(button(text("void"), "", () => openVoid(w)));
    return li;
  }));
}

function draw() {
  for (const b of document.querySelectorAll("[data-mode]")) b.setAttribute("aria-selected", String(b.dataset.mode === c.mode));
  drawSteps();
  drawRecent();
}

// ---- tiles: what may be chosen for the step at hand; by pages, and by letters when the list is long

let special = null; // {title, options, done}: a question that stands in the place of the step's tiles
let letter = "";
let page = 0;

const active = () => c.active || missing() || "";

function turnTo(step) {
  c.active = step;
  special = null;
  letter = "";
  page = 0;
}

function pickStep(step) {
  if (busy) return;
  turnTo(step);
  draw();
  load();
}

function openVoid(w) {
  const no = w.weighing;
  special = {
    title: text("voidwhy", { no: no + " " + kg(w.net_mg) + " kg" }),
    options: REASONS.map((r) => ({ id: text(r), label: text(r) })),
    done: async (reason) => {
      special = null;
      const r = await once("weighing.void", { weighing: no, reason });
      if (r.result) say("ok", text("voided", { no }));
    },
  };
  page = 0;
  drawPicker();
}

function drawLetters(all, per) {
  const letters = [...new Set(all.map((o) => (o.find || "")[0]).filter(Boolean))].sort();
  const go = (l) => () => {
    letter = l;
    page = 0;
    drawPicker();
  };
  $("letters").hidden = all.length <= per || letters.length < 2;
  $("letters").replaceChildren(
    button(text("all"), "", go(""), String(!letter)),
    ...letters.map((l) => button(l.toUpperCase(), "", go(l), String(letter === l))));
}

function drawPages(pages) {
  page = Math.min(page, pages - 1);
  for (const [id, step] of [["before", -1], ["after", 1]]) {
    $(id).hidden = pages < 2;
    $(id).disabled = page + step < 0 || page + step >= pages;
    $(id).onclick = () => {
      page += step;
      drawPicker();
    };
  }
}

function drawPicker() {
  const step = active();
  const q = special || (step && { title: text(step), options: STEPS[step].options(), chosen: c[step], done: (id) => choose(step, id) });
  const all = q ? q.options : [];
  const room = $("choose").clientHeight - $("steps").clientHeight - 170;
  const per = window.innerWidth <= 760 ? 24 : Math.max(6, Math.floor(room / 80) * 3);
  const some = letter ? all.filter((o) => (o.find || "").startsWith(letter)) : all;
  $("bar").hidden = !q;
  $("asked").textContent = q ? q.title : "";
  $("close").hidden = !special && !c.active;
  drawLetters(all, per);
  drawPages(Math.max(1, Math.ceil(some.length / per)));
  const tiles = some.slice(page * per, (page + 1) * per).map((o) => {
    const b = button(o.label, [o.sub, o.note].filter(Boolean).join(" · "), () => q.done(o.id), String(o.id === q.chosen));
    b.dataset.id = o.id;
    return b;
  });
  if (q && !tiles.length) tiles.push(document.createTextNode(text("none")));
  $("tiles").replaceChildren(...tiles);
}

function choose(step, id) {
  c[step] = id;
  turnTo("");
  settle(step);
  draw();
}

// ---- doing

// One request with the standing id; the id is used up by a definite answer.
async function once(verb, args, suffix = "") {
  busy = true;
  drawAccept();
  const r = await ask(verb, args, attempt + suffix);
  if (!r.unsure) attempt = newId();
  busy = false;
  drawAccept();
  if (r.error) say("bad", r.unsure ? r.error : text("refused") + ": " + r.error);
  await load();
  return r;
}

async function weigh(placement, shown_mg) {
  const args = { station, placement, shown_mg };
  if (c.mode === "intake") {
    if (c.lot === "new") {
      const opening = { farmer: c.farmer, product: c.product };
      if (c.deliverer) opening.deliverer = c.deliverer;
      const r = await once("lot.open", opening, "-lot");
      if (!r.result) return;
      c.lot = r.result.lot;
    }
    Object.assign(args, { purpose: "intake", lot: c.lot });
  } else if (c.mode === "hand") {
    Object.assign(args, c.task === "new" ? { purpose: "hand.out", lot: c.from, worker: c.worker } : { purpose: "hand.back", task: c.task, grade: c.grade });
  } else {
    const [line, outlet] = c.source.split(":");
    Object.assign(args, { purpose: "box" }, outlet ? { line, outlet: Number(outlet) } : { lot: line });
  }
  const r = await once("station.accept", args);
  if (!r.result) return;
  beep();
  const done = r.result;
  if (done.task && args.purpose === "hand.out") c.task = done.task;
  if (args.purpose === "hand.back") c.grade = "";
  const link = done.box ? { href: "/label/" + done.box, label: text("label") } : null;
  say("ok", text("recorded", { kg: kg(done.net_mg), no: done.box || done.weighing }), link);
  if (args.line) await openBox(args.line, args.outlet, link, done);
  settle();
  draw();
}

// The full box has gone from the outlet; the next one stands there at once, or nothing may fall into it.
async function openBox(line, outlet, link, done) {
  const r = await once("box.open", { line, outlet }, "-box");
  if (r.result) say("ok", text("recorded", { kg: kg(done.net_mg), no: done.box }) + " · " + text("boxopened", { outlet }), link);
}

async function closeLot() {
  const lot = c.lot;
  const r = await once("lot.close", { lot });
  if (r.result) say("ok", text("lotclosed", { lot }));
  settle();
  draw();
}

async function closeTask() {
  const r = await once("hand.close", { task: c.task });
  if (r.result) {
    const { out_mg, loss_mg } = r.result;
    say("ok", text("handclosed", { out: kg(out_mg), back: kg(out_mg - loss_mg), loss: kg(loss_mg) }));
  }
  settle();
  draw();
}

let sound = null;
function beep() {
  if (!sound) return;
  const tone = sound.createOscillator();
  tone.frequency.value = 880;
  tone.connect(sound.destination);
  tone.start();
  tone.stop(sound.currentTime + 0.12);
}

$("accept").onclick = () => {
  if ($("accept").disabled || busy) return;
  if (!sound && window.AudioContext) sound = new AudioContext();
  weigh(view.placement, view.net_mg);
};
$("close").onclick = () => {
  turnTo("");
  draw();
};
for (const b of document.querySelectorAll("[data-mode]"))
  b.onclick = () => {
    c.mode = b.dataset.mode;
    turnTo("");
    say("", "");
    draw();
  };

// ---- fetching. Lists are fetched again after every commit, but never change under a finger.

let lists = ""; // as they came last
let outdated = false;
let finger = false;
document.addEventListener("pointerdown", () => (finger = true));
for (const e of ["pointerup", "pointercancel"]) document.addEventListener(e, () => setTimeout(() => (finger = false), 150));

async function load() {
  outdated = false;
  let body;
  try {
    const reply = await fetch("/station/data?station=" + encodeURIComponent(station));
    if (!reply.ok) return;
    body = await reply.text();
  } catch (e) {
    return; // the live stream says that nobody answers
  }
  if (body === lists) return;
  lists = body;
  Object.assign(data, JSON.parse(body));
  settle();
  draw();
}

setInterval(() => {
  if (outdated && !busy && !finger) load();
}, 1000);

watch({
  status(doc, at) {
    view = (doc.station || []).find((s) => s.name === station) || null;
    arrived = at;
    if (away) outdated = true;
    away = false;
    drawScale();
  },
  head() {
    outdated = true;
  },
  away() {
    away = true;
    drawScale();
  },
  resync: load,
});
setInterval(drawScale, 100);
load();
draw();

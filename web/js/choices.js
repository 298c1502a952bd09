// What may be chosen at the station, and what follows from a choice. No drawing, no asking.
import { text, kg } from "./live.js";

const GRADES = ["1", "2", "3", "mixed", "trimmings", "soil"];

// Lists as they were fetched last; choices of the person at the screen.
export const data = { farmers: [], workers: [], products: [], lots: [], tasks: [], boxes: [], weighings: [] };
export const c = { mode: "intake" }; // farmer, deliverer, product, lot, worker, task, grade, from, source

const grams = (mg) => kg(Math.round(mg / 1000) * 1000);

export const named = (list, key, id) => list.find((x) => x[key] === id);
export const person = (list, id) => (named(list, "pid", id) || {}).label || "";
const zh = document.documentElement.lang.startsWith("zh");
const productName = (id) => {
  const p = named(data.products, "product", id);
  return p ? (zh ? p.name_zh : p.name_en) : id;
};
export const gradeName = (g) => {
  const t = g ? text("g." + g) : "";
  return t === "g." + g ? g : t; // a grade of a crop that has no words here
};
const lotNote = (l) => [l.farmer && person(data.farmers, l.farmer), gradeName(l.grade)].filter(Boolean).join(" ");
const lotTile = (l) => ({ id: l.id, label: lotNote(l) || productName(l.product), sub: l.id, note: text("onhand", { kg: grams(l.on_hand_mg) }) });
const personTile = (p) => ({ id: p.pid, label: p.label, sub: p.initials, find: p.initials });
const openLots = () => data.lots.filter((l) => l.kind === "intake" && l.state === "open" && l.farmer === c.farmer && l.product === c.product);
const tasksOf = () => data.tasks.filter((t) => t.worker === c.worker);
const taskTile = (t) => ({ id: t.task, label: text("outkg", { kg: kg(t.out_mg - t.back_mg) }), sub: t.task });

// Each step: what it is called, what may be chosen, what is chosen.
export const STEPS = {
  farmer: { options: () => data.farmers.map(personTile), shown: () => person(data.farmers, c.farmer) },
  deliverer: {
    options: () => [{ id: "", label: text("same") }, ...data.farmers.map(personTile)],
    shown: () => (c.deliverer ? person(data.farmers, c.deliverer) : text("same")),
  },
  product: {
    options: () => data.products.map((p) => ({ id: p.product, label: zh ? p.name_zh : p.name_en })),
    shown: () => (c.product ? productName(c.product) : ""),
  },
  lot: {
    options: () => [{ id: "new", label: text("newlot") }, ...openLots().map(lotTile)],
    shown: () => {
      const l = named(data.lots, "id", c.lot);
      return c.lot === "new" ? text("newlot") : c.lot ? c.lot + (l ? " · " + grams(l.on_hand_mg) + " kg" : "") : "";
    },
  },
  worker: { options: () => data.workers.map(personTile), shown: () => person(data.workers, c.worker) },
  task: {
    options: () => [{ id: "new", label: text("newcrate") }, ...tasksOf().map(taskTile)],
    shown: () => {
      const t = named(data.tasks, "task", c.task);
      return c.task === "new" ? text("newcrate") : t ? taskTile(t).label : "";
    },
  },
  from: {
    options: () => data.lots.filter((l) => l.kind === "intake" && l.state === "closed" && l.on_hand_mg > 0).map(lotTile),
    shown: () => {
      const l = named(data.lots, "id", c.from);
      return l ? lotNote(l) + " " + l.id : "";
    },
  },
  grade: { options: () => GRADES.map((g) => ({ id: g, label: gradeName(g) })), shown: () => gradeName(c.grade) },
  source: {
    options: () => [
      ...data.boxes.map((b) => ({ id: b.line + ":" + b.outlet, label: text("outlet", { outlet: b.outlet }), sub: b.line + " " + b.box })),
      ...data.lots.filter((l) => l.kind === "graded" && l.state === "closed" && l.on_hand_mg > 0).map(lotTile),
    ],
    shown: () => {
      const o = STEPS.source.options().find((x) => x.id === c.source);
      return o ? o.label + " " + (o.sub || "") : "";
    },
  },
};

export function stepsNow() {
  if (c.mode === "intake") return ["farmer", "deliverer", "product", "lot"];
  if (c.mode === "box") return ["source"];
  return c.task === "new" ? ["worker", "task", "from"] : ["worker", "task", "grade"];
}

export function missing() {
  return stepsNow().find((s) => s !== "deliverer" && !STEPS[s].shown());
}

// What follows from a choice: the next one is often clear.
export function settle(changed) {
  if (changed === "farmer") c.deliverer = "";
  if (data.products.length === 1) c.product = data.products[0].product;
  if (changed === "farmer" || changed === "product" || !c.lot || (c.lot !== "new" && !openLots().some((l) => l.id === c.lot)))
    c.lot = c.farmer && c.product ? (openLots()[0] || { id: "new" }).id : "";
  if (changed === "worker" || (c.task !== "new" && !named(data.tasks, "task", c.task)))
    c.task = c.worker ? (tasksOf()[0] || { task: "new" }).task : "";
  if (changed === "task" || changed === "worker") c.grade = "";
  if (c.source && !STEPS.source.shown()) c.source = "";
  if (c.from && !named(data.lots, "id", c.from)) c.from = "";
}

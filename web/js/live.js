// Live values by server-sent events. One connection per browser: whoever holds the lock listens and tells
// the other tabs. Without Web Locks (plain HTTP from another machine) every tab listens for itself.
// watch({status, head, away, resync}): status(document, at) with `at` = performance.now() of its arrival.
export function watch(on) {
  const deliver = (m) => {
    if (!m || !on[m.event]) return;
    on[m.event](m.data ? JSON.parse(m.data) : null, performance.now());
  };
  const listen = (tell) => {
    let source = null;
    const open = () => {
      source = new EventSource("/live");
      for (const event of ["status", "head", "away", "resync"])
        source.addEventListener(event, (e) => tell({ event, data: e.data }));
      source.onerror = () => {
        tell({ event: "away", data: "{}" });
        if (source.readyState === EventSource.CLOSED) setTimeout(open, 3000);
      };
    };
    open();
  };
  if (!navigator.locks || !window.BroadcastChannel) {
    listen(deliver);
    return;
  }
  const channel = new BroadcastChannel("lotline-live");
  channel.onmessage = (e) => deliver(e.data);
  navigator.locks.request("lotline-live", () => {
    listen((m) => {
      deliver(m);
      channel.postMessage(m);
    });
    return new Promise(() => {}); // held as long as this tab lives
  });
}

// Texts of the page in its language, with %names filled in.
const texts = {};
for (const e of document.querySelectorAll("#texts [data-k]")) texts[e.dataset.k] = e.textContent;
export function text(key, values = {}) {
  return (texts[key] || key).replace(/%([a-z]+)/g, (all, name) => (name in values ? values[name] : all));
}

// Milligrams as kilograms, exactly: 12345000 → "12.345"; six places when it is no whole gram.
export function kg(mg) {
  if (mg === null || mg === undefined) return "–";
  const places = mg % 1000 ? 6 : 3;
  const n = Math.abs(places === 3 ? mg / 1000 : mg);
  const one = 10 ** places;
  return (mg < 0 ? "−" : "") + Math.floor(n / one) + "." + String(n % one).padStart(places, "0");
}

// Asks lotlined to do something. Repeats with the same request_id while nobody answers, so that it is done
// once. Resolves to {result} or {error, unsure}.
export async function ask(verb, args, id) {
  for (let attempt = 0; attempt < 4; attempt++) {
    if (attempt) await new Promise((r) => setTimeout(r, 700));
    let reply, body;
    try {
      reply = await fetch("/do/" + verb + "?lang=" + (document.documentElement.lang.startsWith("zh") ? "zh" : "en"), {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify({ request_id: id, args }),
      });
      body = await reply.json();
    } catch (e) {
      continue;
    }
    if (reply.ok) return { result: body.result || {} };
    if (reply.status !== 503 && reply.status !== 504) return { error: body.detail || body.title };
  }
  return { error: text("unsure"), unsure: true };
}

export function newId() {
  const b = crypto.getRandomValues(new Uint8Array(12));
  return Array.from(b, (x) => x.toString(16).padStart(2, "0")).join("");
}

// The explorer: margins in motion. It knows no loss; `arcbook.losses` holds
// what sympy printed of each (lib/arcbook/book/javascript.py says what).
(() => {
const arcbook = (globalThis.arcbook ??= {});
arcbook.losses ??= {};
const DEGREE = Math.PI / 180, FEATURES = 300, MOST_CLASSES = 10;

// ---- Numbers ----

const logistic = (u) => 1 / (1 + Math.exp(-u));
const form = (loss, h) => loss.forms[loss.fixed.map((k) => h[k]).join()];
const defaults = (loss) =>
  Object.fromEntries(Object.entries(loss.hyper).map(([k, one]) => [k, one.value]));

// Of a sample at t (own) and j (all C - 1 others), in radians.
function evaluate(loss, h, t, j) {
  const f = form(loss, h), more = Math.log(h.C - 1), r = 1 / (h.C - 1);
  const Z_y = f.Z_y(t, h), Z_j = f.Z_j(j, h);
  const Q = logistic(Z_j - Z_y + more);
  const q = f.plain ? logistic(f.plain(j, h) - f.plain(t, h) + more) : Q;
  return {
    Z_y, Z_j, P_y: logistic(Z_y - Z_j - more), scale: f.scale(h),
    dZ_y: f.dZ_y(t, h), dZ_j: f.dZ_j(j, h),
    dL_y: f.dL_y(t, Q, q, h), dL_j: f.dL_j(j, Q, q, r, r, h),
  };
}

// Width of what neither class is content with, on the arc between two class
// vectors; NaN where the loss is content with no feature there.
function strip(loss, h, between) {
  const f = form(loss, h);
  const content = (t) => f.Z_y(t, h) - f.Z_j(between - t, h) >= 0;
  if (!content(0)) return NaN;
  let [low, high] = [0, between / 2];
  for (let k = 0; k < 60; k++) {
    const middle = (low + high) / 2;
    if (content(middle)) low = middle;
    else high = middle;
  }
  return between - 2 * low;
}

// mulberry32: the same seed scatters the features of both losses alike.
function random(seed) {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

function scatter(count, draw) {
  const v = new Float64Array(3 * count);
  for (let i = 0; i < 3 * count; i += 3) {
    const z = 2 * draw() - 1, turn = 2 * Math.PI * draw(), r = Math.sqrt(1 - z * z);
    v.set([r * Math.cos(turn), r * Math.sin(turn), z], i);
  }
  return v;
}

// Class vectors as far from each other as a spiral of constant area puts them.
function spread(count, draw) {
  const v = new Float64Array(3 * count), first = 2 * Math.PI * draw();
  for (let k = 0; k < count; k++) {
    const z = 1 - (2 * k + 1) / count, r = Math.sqrt(1 - z * z);
    const turn = first + Math.PI * (1 + Math.sqrt(5)) * k;
    v.set([r * Math.cos(turn), r * Math.sin(turn), z], 3 * k);
  }
  return v;
}

function normalise(v) {
  for (let i = 0; i < v.length; i += 3) {
    const n = Math.hypot(v[i], v[i + 1], v[i + 2]);
    for (let d = 0; d < 3; d++) v[i + d] /= n;
  }
}

// Shares among the others of logits z, the own one at `own`, and log of their sum.
function shares(z, own, out) {
  let top = -Infinity, sum = 0;
  for (let k = 0; k < z.length; k++) if (k !== own && z[k] > top) top = z[k];
  for (let k = 0; k < z.length; k++) sum += out[k] = k === own ? 0 : Math.exp(z[k] - top);
  for (let k = 0; k < z.length; k++) out[k] /= sum;
  return top + Math.log(sum);
}

// Features and class vectors on the sphere, moved by the loss alone.
class Descent {
  constructor(classes, seed) {
    const draw = random(seed);
    this.classes = Math.min(classes, MOST_CLASSES);
    this.each = Math.floor(FEATURES / this.classes);
    this.w = spread(this.classes, draw);
    this.x = scatter(this.classes * this.each, draw);
    this.theta = new Float64Array(this.classes * this.classes * this.each);
    this.measure();
  }
  label(i) { return Math.floor(i / this.each); }
  measure() {
    const { x, w, classes, theta } = this;
    for (let i = 0; i < x.length / 3; i++)
      for (let k = 0; k < classes; k++) {
        const a = 3 * i, b = 3 * k;
        const cross = Math.hypot(
          x[a + 1] * w[b + 2] - x[a + 2] * w[b + 1],
          x[a + 2] * w[b] - x[a] * w[b + 2],
          x[a] * w[b + 1] - x[a + 1] * w[b]);
        theta[i * classes + k] =
          Math.atan2(cross, x[a] * w[b] + x[a + 1] * w[b + 1] + x[a + 2] * w[b + 2]);
      }
  }
  // One step of `size` radians times the gradient over the scale.
  step(loss, given, size, both) {
    const { x, w, classes, theta, each } = this, h = { ...given, C: classes };
    const f = form(loss, h), rate = size / f.scale(h);
    if (!Number.isFinite(rate)) return;
    const gx = new Float64Array(x.length), gw = new Float64Array(w.length);
    const z = new Float64Array(classes), R = z.slice(), r = z.slice();
    for (let i = 0; i < x.length / 3; i++) {
      const y = this.label(i), at = (k) => theta[i * classes + k], own = at(y);
      for (let k = 0; k < classes; k++) z[k] = f.Z_j(at(k), h);
      const Q = logistic(shares(z, y, R) - f.Z_y(own, h));
      let q = Q, rest = R;
      if (f.plain) {
        for (let k = 0; k < classes; k++) z[k] = f.plain(at(k), h);
        q = logistic(shares(z, y, (rest = r)) - z[y]);
      }
      for (let k = 0; k < classes; k++) {
        const t = at(k), sine = Math.sin(t), cosine = Math.cos(t);
        if (sine < 1e-9) continue;
        const g = k === y ? f.dL_y(t, Q, q, h) : f.dL_j(t, Q, q, R[k], rest[k], h);
        for (let d = 0; d < 3; d++) {
          gx[3 * i + d] -= (g * (w[3 * k + d] - cosine * x[3 * i + d])) / sine;
          gw[3 * k + d] -= (g * (x[3 * i + d] - cosine * w[3 * k + d])) / sine;
        }
      }
    }
    for (let i = 0; i < x.length; i++) x[i] -= rate * gx[i];
    if (both) for (let i = 0; i < w.length; i++) w[i] -= (rate / each) * gw[i];
    normalise(x);
    normalise(w);
    this.measure();
  }
}

Object.assign(arcbook, { evaluate, strip, Descent, defaults });
if (typeof document === "undefined") return;

// ---- State and address ----

const SHARED = {
  C: { symbol: "C", meaning: "number of classes", low: 2, high: 10000, least: 2, whole: true, log: true },
  y: { symbol: "θ<sub>y</sub>", meaning: "own angle, in degrees", low: 0, high: 180, least: 0, most: 180 },
  j: { symbol: "θ<sub>j</sub>", meaning: "angle to each other class, in degrees", low: 0, high: 180, least: 0, most: 180 },
  T: { symbol: "Θ", meaning: "angle between two class vectors, in degrees", low: 1, high: 180, least: 1, most: 180 },
};
const NEEDS = {
  logit: "y", slope: "y", probability: "Cyj", gradient: "Cyj", strip: "T", sphere: "C",
};

// The number that a text is, or undefined where `one` does not allow it.
function legal(one, text) {
  if (one.choices) return one.choices.includes(String(text)) ? String(text) : undefined;
  const value = Number(text);
  if (text === "" || !Number.isFinite(value)) return;
  if (one.whole && !Number.isInteger(value)) return;
  if (value < one.least || (one.open && value === one.least)) return;
  if (one.most != null && value > one.most) return;
  return value;
}

function toAddress(state) {
  const parts = new URLSearchParams();
  for (const side of "ab") {
    parts.set(side, state[side]);
    for (const [key, value] of Object.entries(state.of[side])) parts.set(`${side}.${key}`, value);
  }
  for (const key in SHARED) parts.set(key, state[key]);
  parts.set("per", Number(state.per));
  return parts.toString();
}

// Takes what an address asks for into a state; gives what it had to refuse.
function fromAddress(text, state) {
  const parts = new URLSearchParams(text), refused = [];
  if (!parts.has("a")) return refused;
  for (const side of "ab") {
    const name = parts.get(side);
    if (Object.hasOwn(arcbook.losses, name) || (side === "b" && name === "none")) choose(state, side, name);
    else if (name !== null) refused.push(`${side} = ${name}`);
  }
  for (const [key, value] of parts) {
    const [side, name] = key.split(".");
    const one = name ? arcbook.losses[state[side]]?.hyper[name] : SHARED[key];
    const number = one && legal(one, value);
    if (key === "a" || key === "b" || key === "per") continue;
    if (number === undefined) refused.push(`${key} = ${value}`);
    else if (name) state.of[side][name] = number;
    else state[key] = number;
  }
  state.per = parts.get("per") === "1";
  return refused;
}

function choose(state, side, name) {
  state[side] = name;
  const before = state.of[side] ?? {}, loss = arcbook.losses[name];
  state.of[side] = loss ? defaults(loss) : {};
  // A scale stays when the loss changes, so that like is held to like.
  for (const key of ["s", "norm"])
    if (loss && key in before && key in state.of[side]) state.of[side][key] = before[key];
}

// ---- Elements ----

const SVG = "http://www.w3.org/2000/svg";
const TAGS = new Set("svg g path line circle text".split(" "));
function make(tag, given = {}, ...children) {
  const one = TAGS.has(tag) ? document.createElementNS(SVG, tag) : document.createElement(tag);
  for (const [key, value] of Object.entries(given)) {
    if (key.startsWith("on")) one.addEventListener(key.slice(2), value);
    else if (key === "html") one.innerHTML = value;
    else if (value !== false) one.setAttribute(key, value === true ? "" : value);
  }
  one.append(...children);
  return one;
}
const set = (one, given) => Object.entries(given).forEach(([k, v]) => one.setAttribute(k, v));
const short = (x) => {
  if (Number.isNaN(x)) return "–";
  if (Math.abs(x) < 1e-12) return "0";
  const size = Math.abs(x);
  const text = (size < 1e-3 || size >= 1e5) ? x.toExponential(1) : String(+x.toPrecision(3));
  return text.replace("-", "−");
};
const swatch = (side) => {
  const line = make("line", { x1: 1, x2: 27, y1: 6, y2: 6, class: `curve ${side}` });
  return make("svg", { viewBox: "0 0 28 12", class: "swatch", "aria-hidden": "true" }, line);
};
let serial = 0;

// A slider and a field that say the same number.
function slider(one, key, get, put) {
  const id = `explorer-${++serial}`, log = one.log ?? one.open;
  const there = log ? Math.log : (x) => x, back = log ? Math.exp : (x) => x;
  const [low, high] = [there(one.low), there(one.high)];
  const round = (x) => (one.whole ? Math.round(x) : +x.toPrecision(3));
  const move = make("input", {
    type: "range", id, min: 0, max: 1000, step: 1, "data-key": key,
    oninput: () => put(round(back(low + ((high - low) * move.value) / 1000))),
  });
  const field = make("input", {
    type: "number", step: "any", "aria-label": `${key}: ${one.meaning}`,
    onchange: () => {
      const value = legal(one, field.value);
      field.setAttribute("aria-invalid", value === undefined);
      if (value !== undefined) put(value);
    },
  });
  const show = () => {
    const value = get();
    if (document.activeElement !== move)
      move.value = Math.round((1000 * (there(value) - low)) / (high - low)) || 0;
    move.setAttribute("aria-valuetext", short(value));
    if (document.activeElement !== field) field.value = value;
    field.setAttribute("aria-invalid", "false");
  };
  const label = make("label", { for: id, html: `<b>${one.symbol}</b> <span>${one.meaning}</span>` });
  return { row: make("div", { class: "slider" }, label, move, field), show };
}

// ---- Pictures ----

const BOX = { width: 360, height: 210, left: 46, right: 18, top: 10, bottom: 26 };
const POINTS = 361;
const CURVES = {
  logit: ["Target logit <i>Z<sub>y</sub></i>", "Z_y", true],
  probability: ["Probability <i>P<sub>y</sub></i>", "P_y", false],
  slope: ["Slope of the logit ∂<i>Z</i>/∂<i>θ<sub>y</sub></i>", "dZ_y", true],
  gradient: ["Slope of the loss ∂<i>L</i>/∂<i>θ<sub>y</sub></i>", "dL_y", true],
};

function panel(view, title, content, sides, more = "") {
  const values = Object.fromEntries(sides.map((side) => [side, make("span", { class: "value" })]));
  const head = make("p", { class: "head" }, make("b", { html: title }),
    make("span", { class: "pair-of" }, ...sides.flatMap((side) => [swatch(side), values[side]])));
  const whole = make("div", { class: `panel ${view}`, "data-view": view }, head, content);
  if (more) whole.append(make("p", { class: "note", html: more }));
  return { whole, values };
}

function ticks(low, high) {
  const rough = (high - low) / 5 || 1, power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 5, 10].find((k) => k * power >= rough * 0.999);
  const from = Math.floor(low / step + 1e-9), to = Math.max(Math.ceil(high / step - 1e-9), from + 1);
  return Array.from({ length: to - from + 1 }, (_, k) => (from + k) * step);
}

function curves(view, explorer) {
  const [title, key, scaled] = CURVES[view];
  const { width, height, left, right, top, bottom } = BOX;
  const px = (degrees) => left + ((width - left - right) * degrees) / 180;
  const axes = make("g", { class: "axes" });
  const cursor = make("line", { y1: top, y2: height - bottom, class: "cursor" });
  const paths = {}, dots = {};
  const svg = make("svg", { viewBox: `0 0 ${width} ${height}`, role: "img" }, axes, cursor);
  for (const side of "ba") {
    svg.append((paths[side] = make("path", { class: `curve ${side}` })));
    svg.append((dots[side] = make("circle", { r: 4.5, class: `dot ${side}` })));
  }
  const drag = (event) => {
    if (event.type === "pointermove" && !event.buttons) return;
    const box = svg.getBoundingClientRect();
    const at = ((event.clientX - box.left) * width) / box.width;
    const degrees = Math.round(((at - left) * 180) / (width - left - right));
    explorer.put("y", Math.min(Math.max(degrees, 0), 180));
  };
  svg.addEventListener("pointerdown", drag);
  svg.addEventListener("pointermove", drag);
  const { whole, values } = panel(view, title, svg, explorer.sides);
  const draw = () => {
    const { state } = explorer, found = {};
    let low = 0, high = view === "probability" ? 1 : 0;
    for (const side of explorer.live()) {
      const [loss, h] = explorer.loss(side);
      const value = (t) => {
        const at = evaluate(loss, h, t, state.j * DEGREE);
        return scaled && state.per ? at[key] / (at.scale || 1) : at[key];
      };
      const all = Array.from({ length: POINTS }, (_, k) => value((k * Math.PI) / (POINTS - 1)));
      found[side] = { all, here: value(state.y * DEGREE) };
      low = Math.min(low, ...all);
      high = Math.max(high, ...all);
    }
    const marks = ticks(low, high), [bottomMost, topMost] = [marks[0], marks.at(-1)];
    const py = (v) => top + ((height - top - bottom) * (topMost - v)) / (topMost - bottomMost);
    axes.replaceChildren();
    for (const v of marks) {
      axes.append(make("line", { x1: left, x2: width - right, y1: py(v), y2: py(v), class: Math.abs(v) < 1e-12 ? "zero" : "" }));
      axes.append(make("text", { x: left - 6, y: py(v) + 4, "text-anchor": "end" }, short(v)));
    }
    for (const d of [0, 45, 90, 135, 180])
      axes.append(make("text", { x: px(d), y: height - 8, "text-anchor": "middle" }, `${d}°`));
    set(cursor, { x1: px(state.y), x2: px(state.y) });
    for (const side of explorer.sides) {
      const one = found[side];
      paths[side].setAttribute("d", one
        ? "M" + one.all.map((v, k) => `${px((k * 180) / (POINTS - 1)).toFixed(2)} ${py(v).toFixed(2)}`).join("L") : "");
      set(dots[side], one ? { cx: px(state.y), cy: py(one.here), opacity: 1 } : { opacity: 0 });
      values[side].textContent = one ? short(one.here) : "";
    }
    svg.setAttribute("aria-label",
      `${whole.querySelector("b").textContent} over the own angle; at ${short(state.y)}°: ` +
      explorer.live().map((s) => `${explorer.loss(s)[0].title} ${short(found[s].here)}`).join(", "));
  };
  return { whole, draw };
}

function fan(explorer) {
  const radius = { a: 158, b: 132 }, [ox, oy] = [180, 196];
  const at = (r, turn) => `${(ox + r * Math.sin(turn)).toFixed(2)} ${(oy - r * Math.cos(turn)).toFixed(2)}`;
  const arc = (r, from, to) => `M${at(r, from)}A${r} ${r} 0 0 1 ${at(r, to)}`;
  const parts = {};
  const svg = make("svg", { viewBox: "0 0 360 210", role: "img" });
  for (const name of ["bisector", "first", "second", "ring b", "ring a", "strip b", "strip a"])
    svg.append((parts[name] = make("path", { class: name })));
  const names = ["W₁", "W₂"].map((text) => make("text", { "text-anchor": "middle" }, text));
  svg.append(...names);
  const drag = (event) => {
    if (event.type === "pointermove" && !event.buttons) return;
    const box = svg.getBoundingClientRect(), unit = 360 / box.width;
    const [dx, dy] = [(event.clientX - box.left) * unit - ox, oy - (event.clientY - box.top) * unit];
    explorer.put("T", Math.min(Math.max(Math.round((2 * Math.atan2(Math.abs(dx), dy)) / DEGREE), 1), 180));
  };
  svg.addEventListener("pointerdown", drag);
  svg.addEventListener("pointermove", drag);
  const { whole, values } = panel("strip", "Empty strip between two classes", svg, explorer.sides,
    "Thick: where the loss is content with a feature of neither class. Dashed: what decides at test time.");
  const draw = () => {
    const between = explorer.state.T * DEGREE, half = between / 2, said = [];
    parts.bisector.setAttribute("d", `M${ox} ${oy}L${at(174, 0)}`);
    parts.first.setAttribute("d", `M${ox} ${oy}L${at(170, -half)}`);
    parts.second.setAttribute("d", `M${ox} ${oy}L${at(170, half)}`);
    names.forEach((name, k) => {
      const [x, y] = at(170, (2 * k - 1) * (half + 0.075)).split(" ");
      set(name, { x, y });
    });
    for (const side of explorer.sides) {
      const live = explorer.live().includes(side);
      const width = live ? strip(...explorer.loss(side), between) : NaN;
      parts[`ring ${side}`].setAttribute("d", live ? arc(radius[side], -half, half) : "");
      parts[`strip ${side}`].setAttribute("d", width > 1e-6 ? arc(radius[side], -width / 2, width / 2) : "");
      const text = Number.isNaN(width) ? "content nowhere" : `${(width / DEGREE).toFixed(1)}°`;
      values[side].textContent = live ? text : "";
      if (live) said.push(`${explorer.loss(side)[0].title} ${text}`);
    }
    svg.setAttribute("aria-label", `Between class vectors ${short(explorer.state.T)}° apart the strip is: ${said.join(", ")}`);
  };
  return { whole, draw };
}

function formulas(explorer, wide) {
  const parts = {}, content = make("div", { class: "pair" });
  for (const side of explorer.sides) {
    const lines = make("div", { class: "lines", tabindex: 0 });
    parts[side] = { lines, head: make("span", {}), shown: "" };
    parts[side].whole = make("div", {}, make("p", {}, swatch(side), parts[side].head), lines);
    content.append(parts[side].whole);
  }
  const { whole } = panel("formula", "Formulas", content, []);
  whole.classList.toggle("wide", wide);
  const draw = () => {
    for (const side of explorer.sides) {
      const one = parts[side], live = explorer.live().includes(side);
      one.whole.hidden = !live;
      if (!live) continue;
      const [loss, h] = explorer.loss(side), text = form(loss, h).formula;
      one.head.textContent = loss.title;
      if (one.shown !== text) one.lines.innerHTML = one.shown = text;
    }
  };
  return { whole, draw };
}

function spheres(explorer) {
  const sides = {}, still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  let running = false, seen = false, wanted = !still, steps = 0, seed = 1, turn = 0.6, tilt = 0.35, last = 0, started = "", timer = 0;
  const frames = (arcbook.frames = { work: [], between: [] });
  const pair = make("div", { class: "pair" });
  for (const side of explorer.sides) {
    const canvas = make("canvas", { tabindex: 0, role: "img", "aria-label": "Features on the sphere; arrow keys turn it" });
    const said = make("p", { class: "said" });
    sides[side] = { canvas, said };
    pair.append((sides[side].whole = make("div", {}, canvas, said)));
    let from = null;
    canvas.addEventListener("pointerdown", (event) => { from = event; });
    canvas.addEventListener("pointermove", (event) => {
      if (!event.buttons || !from) return;
      rotate((event.clientX - from.clientX) * 0.01, (event.clientY - from.clientY) * 0.01);
      from = event;
    });
    canvas.addEventListener("keydown", (event) => {
      const by = { ArrowLeft: [-0.1, 0], ArrowRight: [0.1, 0], ArrowUp: [0, -0.1], ArrowDown: [0, 0.1] }[event.key];
      if (by) { event.preventDefault(); rotate(...by); }
    });
  }
  const rotate = (dx, dy) => {
    turn += dx;
    tilt = Math.min(Math.max(tilt + dy, -1.5), 1.5);
    paint();
  };
  const run = make("button", { type: "button", onclick: () => { wanted = !running; if (steps >= 3000) steps = 0; go(); } });
  const one = make("button", { type: "button", onclick: () => { advance(); paint(); } }, "One step");
  const again = make("button", { type: "button", onclick: () => { seed++; begin(); } }, "Scatter anew");
  const both = make("input", { type: "checkbox", checked: true });
  let pace = 0.02;
  const speed = slider({ symbol: "η", meaning: "step, in radians at full pull", low: 0.002, high: 0.2, least: 0, open: true, log: true },
    "η", () => pace, (value) => { pace = value; speed.show(); });
  speed.show();
  const content = make("div", {}, pair,
    make("div", { class: "buttons" }, run, one, again, make("label", {}, both, " class vectors move too")), speed.row);
  const { whole } = panel("sphere", "Features move down the gradient", content, [],
    "All start alike. A step is η times the gradient, over the scale. Below: histogram of the own angles (filled) and of those to the nearest other class (line). Drag to turn.");
  const begin = () => {
    steps = 0;
    for (const side of explorer.sides) sides[side].descent = new Descent(explorer.state.C, seed);
    if (still) for (let k = 0; k < 200; k++) advance();
    wanted = !still;
    go();
    paint();
  };
  const advance = () => {
    steps++;
    for (const side of explorer.live()) sides[side].descent.step(...explorer.loss(side), pace, both.checked);
  };
  const frame = (now) => {
    if (!running) return;
    const begun = performance.now();
    if (last) frames.between.push(now - last);
    last = now;
    advance();
    paint();
    frames.work.push(performance.now() - begun);
    if (frames.work.length > 600) { frames.work.shift(); frames.between.shift(); }
    if (steps >= 3000) { wanted = false; go(); return; }
    requestAnimationFrame(frame);
  };
  const go = () => {
    const now = wanted && seen;
    run.textContent = wanted ? "Pause" : "Run";
    if (now && !running) { running = true; last = 0; requestAnimationFrame(frame); }
    running = now;
  };
  const paint = () => explorer.live().forEach((side) => sphere(sides[side], explorer, side, turn, tilt, steps));
  new IntersectionObserver(([entry]) => { seen = entry.isIntersecting; go(); if (seen) paint(); }).observe(pair);
  new ResizeObserver(() => paint()).observe(pair);
  new MutationObserver(() => paint()).observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });
  const draw = () => {
    for (const side of explorer.sides) sides[side].whole.hidden = !explorer.live().includes(side);
    const key = explorer.live().map((side) => explorer.state[side] + Object.values(explorer.state.of[side]).join()) + explorer.state.C;
    clearTimeout(key === started ? 0 : timer);
    if (!started) begin();
    else if (key !== started) timer = setTimeout(begin, 250);
    started = key;
    paint();
  };
  return { whole, draw };
}

function sphere({ canvas, descent, said }, explorer, side, turn, tilt, steps) {
  const wide = canvas.clientWidth, tall = canvas.clientHeight;
  if (!wide || !descent) return;
  const ratio = Math.min(devicePixelRatio || 1, 2), ctx = canvas.getContext("2d");
  if (canvas.width !== Math.round(wide * ratio)) [canvas.width, canvas.height] = [wide * ratio, tall * ratio];
  ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
  ctx.clearRect(0, 0, wide, tall);
  const ink = getComputedStyle(canvas).color, loss = explorer.loss(side)[0];
  const low = Math.min(90, tall * 0.28), radius = Math.min(wide / 2, (tall - low) / 2) - 8;
  const [cx, cy] = [wide / 2, (tall - low) / 2];
  const [ct, st, cp, sp] = [Math.cos(turn), Math.sin(turn), Math.cos(tilt), Math.sin(tilt)];
  const at = (v, i) => {
    const x = ct * v[i] + st * v[i + 1], y = ct * v[i + 1] - st * v[i];
    return [cx + radius * x, cy - radius * (cp * v[i + 2] + sp * y), sp * v[i + 2] - cp * y];
  };
  const ground = ctx.createRadialGradient(cx - radius / 3, cy - radius / 3, radius / 8, cx, cy, radius);
  ground.addColorStop(0, "rgba(128,128,128,0.04)");
  ground.addColorStop(1, "rgba(128,128,128,0.22)");
  const circle = (x, y, r, fill, stroke) => {
    ctx.beginPath();
    ctx.arc(x, y, r, 0, 2 * Math.PI);
    if (fill) { ctx.fillStyle = fill; ctx.fill(); }
    if (stroke) { ctx.strokeStyle = stroke; ctx.stroke(); }
  };
  ctx.lineWidth = 1;
  circle(cx, cy, radius, ground, "rgba(128,128,128,0.7)");
  const colours = arcbook.classColours, { x, w, theta, classes } = descent;
  for (const front of [false, true]) {
    ctx.globalAlpha = front ? 0.9 : 0.22;
    for (let i = 0; i < x.length; i += 3) {
      const [px, py, depth] = at(x, i);
      if (depth > 0 === front) circle(px, py, Math.max(radius / 60, 1.6), colours[descent.label(i / 3)]);
    }
    ctx.globalAlpha = front ? 1 : 0.35;
    for (let k = 0; k < classes; k++) {
      const [px, py, depth] = at(w, 3 * k);
      if (depth > 0 !== front) continue;
      ctx.lineWidth = 2;
      circle(px, py, Math.max(radius / 22, 4.5), colours[k], ink);
      ctx.fillStyle = ink;
      ctx.font = "600 12px system-ui, sans-serif";
      ctx.fillText(k, px + radius / 22 + 5, py - 5);
    }
  }
  ctx.globalAlpha = 1;
  const own = new Float64Array(36), near = new Float64Array(36), bin = (t) => Math.min(35, Math.floor((t * 36) / Math.PI));
  let sum = 0;
  for (let i = 0; i < x.length / 3; i++) {
    const y = descent.label(i);
    let least = Math.PI;
    for (let k = 0; k < classes; k++) if (k !== y) least = Math.min(least, theta[i * classes + k]);
    own[bin(theta[i * classes + y])]++;
    near[bin(least)]++;
    sum += theta[i * classes + y];
  }
  const most = Math.max(...own, ...near), left = 8, step = (wide - 2 * left) / 36, base = tall - 18, height = low - 26;
  ctx.fillStyle = loss.colour;
  own.forEach((n, k) => ctx.fillRect(left + k * step, base - (height * n) / most, step - 1, (height * n) / most));
  ctx.strokeStyle = ctx.fillStyle = ink;
  ctx.lineWidth = 1.2;
  ctx.beginPath();
  near.forEach((n, k) => {
    for (const edge of [0, 1]) ctx.lineTo(left + (k + edge) * step, base - (height * n) / most);
  });
  ctx.stroke();
  ctx.font = "11px system-ui, sans-serif";
  for (const d of [0, 90, 180]) {
    ctx.textAlign = d ? (d === 180 ? "right" : "center") : "left";
    ctx.fillText(`${d}°`, left + ((wide - 2 * left) * d) / 180, tall - 4);
  }
  ctx.textAlign = "left";
  const mean = sum / (x.length / 3) / DEGREE;
  said.textContent = `${loss.title}, step ${steps}: mean own angle ${mean.toFixed(1)}°`;
}

// ---- One explorer on the page ----

class Explorer {
  constructor(root) {
    const first = JSON.parse(root.dataset.state);
    this.root = root;
    this.views = root.dataset.views.split(" ");
    this.whole = root.hasAttribute("data-whole");
    this.sides = ["a", "b"];
    this.state = structuredClone(first);
    this.refused = this.whole ? fromAddress(location.hash.slice(1), this.state) : [];
    this.names = this.whole ? Object.keys(arcbook.losses) : root.dataset.names.split(" ");
    this.build();
    this.show();
    if (this.whole) addEventListener("hashchange", () => {
      if (location.hash.slice(1) === toAddress(this.state)) return;
      this.refused = fromAddress(location.hash.slice(1), this.state);
      for (const side of this.sides) this.settings(side);
      this.show();
    });
  }
  live() { return this.sides.filter((side) => this.state[side] !== "none"); }
  loss(side) { return [arcbook.losses[this.state[side]], { ...this.state.of[side], C: this.state.C }]; }
  take(state) {
    Object.assign(this.state, state);
    this.refused = [];
    for (const side of this.sides) this.settings(side);
    this.show();
  }
  put(key, value) {
    this.state[key] = value;
    this.show();
  }
  build() {
    const { root, state } = this, needs = new Set(this.views.map((view) => NEEDS[view]).join(""));
    this.sliders = [];
    this.boxes = {};
    const controls = make("div", { class: "controls" });
    for (const side of this.sides) controls.append((this.boxes[side] = make("fieldset", { class: side })));
    const shared = make("fieldset", { class: "shared" }, make("legend", {}, "Both"));
    for (const key in SHARED) {
      if (!needs.has(key)) continue;
      const one = slider(SHARED[key], key, () => state[key], (value) => this.put(key, value));
      this.sliders.push(one);
      shared.append(one.row);
    }
    if (this.views.some((view) => CURVES[view]?.[2])) {
      this.per = make("input", { type: "checkbox", onchange: () => this.put("per", this.per.checked) });
      shared.append(make("label", { class: "per" }, this.per, " divide by the scale"));
    }
    controls.append(shared);
    this.pictures = this.views.map((view) =>
      view === "strip" ? fan(this) : view === "sphere" ? spheres(this) : curves(view, this));
    const pictures = make("div", { class: "pictures" });
    const flat = this.pictures.findLastIndex((one) => one.whole.dataset.view !== "sphere") + 1;
    this.pictures.splice(flat, 0, formulas(this, flat % 2 === 0));
    pictures.append(this.tabs());
    pictures.append(...this.pictures.map((one) => one.whole));
    this.status = make("p", { class: "status", role: "status" });
    this.alert = make("p", { class: "refused", role: "alert", hidden: true });
    root.append(this.alert, pictures, controls, this.foot(), this.status);
    root.classList.add("live");
    for (const side of this.sides) this.settings(side);
    root.addEventListener("change", () => this.say());
  }
  tabs() {
    const named = { logit: "Z", probability: "P", slope: "∂Z/∂θ", gradient: "∂L/∂θ", strip: "strip", formula: "formula", sphere: "sphere" };
    const pick = (view) => {
      for (const button of row.children) button.setAttribute("aria-pressed", button.dataset.view === view);
      for (const one of this.pictures) one.whole.classList.toggle("picked", one.whole.dataset.view === view);
    };
    const row = make("div", { class: "tabs", role: "group", "aria-label": "Picture" },
      ...this.pictures.map((one) => one.whole.dataset.view).map((view) => make("button", { type: "button", "data-view": view, onclick: () => pick(view) }, named[view])));
    queueMicrotask(() => pick(this.views.includes("gradient") ? "gradient" : this.views[0]));
    return row;
  }
  foot() {
    this.link = make("a", { href: "#" }, "Open this setting in the explorer");
    if (!this.whole) return make("p", { class: "foot" }, this.link);
    const copy = make("button", { type: "button", onclick: async () => {
      await navigator.clipboard?.writeText(location.href).then(() => { copy.textContent = "Copied"; }, () => {});
      setTimeout(() => { copy.textContent = "Copy the link"; }, 1500);
    } }, "Copy the link");
    const reset = make("button", { type: "button", onclick: () => {
      this.take(JSON.parse(this.root.dataset.state));
    } }, "First setting");
    return make("div", { class: "foot buttons" }, copy, reset, make("span", {}, "The address holds this setting."));
  }
  // The loss of a side: its name, its sliders and its formula.
  settings(side) {
    const { state } = this, box = this.boxes[side], names = [...this.names];
    if (side === "b") names.push("none");
    const pick = make("select", { "aria-label": side === "a" ? "First loss" : "Second loss", onchange: () => {
      choose(state, side, pick.value);
      this.settings(side);
      this.show();
      box.querySelector("select").focus();
    } }, ...names.map((name) => make("option", { value: name, selected: name === state[side] }, arcbook.losses[name]?.title ?? "none")));
    box.replaceChildren(make("legend", {}, swatch(side), pick));
    box.sliders = [];
    this.root.style.setProperty(`--${side}`, arcbook.losses[state[side]]?.colour ?? "transparent");
    const loss = arcbook.losses[state[side]];
    if (!loss) return;
    box.append(make("p", { class: "about" }, `${loss.about[0].toUpperCase()}${loss.about.slice(1)}.`));
    for (const [key, one] of Object.entries(loss.hyper)) {
      const put = (value) => { state.of[side][key] = value; this.show(); };
      if (one.choices) {
        const id = `explorer-${++serial}`;
        const list = make("select", { id, "data-key": `${side}.${key}`, onchange: () => put(list.value) }, ...one.choices.map((name) => make("option", {}, name)));
        box.append(make("div", { class: "slider" }, make("label", { for: id, html: `<b>${one.symbol}</b> <span>${one.meaning}</span>` }), list));
        box.sliders.push({ show: () => { list.value = state.of[side][key]; } });
      } else {
        const made = slider(one, `${side}.${key}`, () => state.of[side][key], put);
        box.sliders.push(made);
        box.append(made.row);
      }
    }
  }
  show() {
    for (const one of this.sliders) one.show();
    if (this.per) this.per.checked = this.state.per;
    for (const side of this.live()) {
      this.boxes[side].sliders.forEach((one) => one.show());
    }
    for (const one of this.pictures) one.draw();
    const address = toAddress(this.state);
    if (this.whole) history.replaceState(null, "", `#${address}`);
    else this.link.href = `explorer.html#${address}`;
    this.alert.hidden = !this.refused.length;
    this.alert.textContent = `Not possible, and left out: ${this.refused.join("; ")}.`;
  }
  say() {
    this.status.textContent = [...this.root.querySelectorAll(".panel svg[role]")].map((one) => one.getAttribute("aria-label")).join(". ");
  }
}

const mount = () => document.querySelectorAll(".explorer[data-state]").forEach((root) => {
  root.explorer ??= new Explorer(root);
  if (root.explorer.whole)
    for (const button of document.querySelectorAll("button.setting"))
      button.onclick = () => {
        root.explorer.take(JSON.parse(button.dataset.state));
        root.scrollIntoView();
      };
});
if (document.readyState === "loading") addEventListener("DOMContentLoaded", mount);
else mount();
})();

"use strict";
const graph = JSON.parse(document.getElementById("graph").textContent);
const nodes = new Map(graph.nodes.map((node) => [node.id, node]));
const below = new Map(graph.nodes.map((node) => [node.id, []]));
const above = new Map(graph.nodes.map((node) => [node.id, []]));
for (const edge of graph.edges) { below.get(edge.source).push(edge.target); above.get(edge.target).push(edge.source); }
const open = new Set();
let chosen = null;
const MOST_FIRST = 40, MOST_FOUND = 60, MOST_PATHS = 40;
const byId = (id) => document.getElementById(id);
const make = (name, attributes, text) => {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes || {})) element.setAttribute(key, value);
  if (text !== undefined) element.textContent = text;
  return element;
};
// At the beginning: conflicts with their neighbours, else the packages that a user asked for.
const first = graph.nodes.filter((node) => node.conflict).map((node) => node.id);
if (!first.length) first.push(...graph.nodes.filter((node) => node.root).slice(0, MOST_FIRST).map((node) => node.id));
let shown = new Set(first);

const paths = (target) => {
  const found = [], waiting = [[target]];
  for (let steps = 0; waiting.length && found.length < MOST_PATHS && steps < 20000; steps += 1) {
    const path = waiting.shift();
    if (nodes.get(path[0]).root) found.push(path);
    for (const source of above.get(path[0])) if (!path.includes(source)) waiting.push([source, ...path]);
  }
  return found;
};
const layers = (ids) => {
  const layer = new Map(ids.map((id) => [id, 0]));
  // A cycle would push its nodes down for ever; as many rounds as nodes are enough without one.
  for (let round = 0, moved = true; moved && round < Math.min(ids.length, 60); round += 1) {
    moved = false;
    for (const id of ids) for (const target of below.get(id)) {
      if (layer.has(target) && layer.get(target) < layer.get(id) + 1 && layer.get(id) < 30) { layer.set(target, layer.get(id) + 1); moved = true; }
    }
  }
  const columns = [];
  for (const id of ids) (columns[layer.get(id)] = columns[layer.get(id)] || []).push(id);
  const rows = columns.filter(Boolean);
  const place = new Map();
  const number = () => rows.forEach((column) => column.forEach((id, at) => place.set(id, at - column.length / 2)));
  const sweep = (column, near) => {
    const weight = (id) => { const known = near.get(id).filter((each) => place.has(each)); return known.length ? known.reduce((sum, each) => sum + place.get(each), 0) / known.length : place.get(id); };
    column.map((id) => [weight(id), id]).sort((a, b) => a[0] - b[0] || (a[1] < b[1] ? -1 : 1)).forEach(([, id], at) => { column[at] = id; });
  };
  number();
  for (let turn = 0; turn < 4; turn += 1) { rows.forEach((column) => { sweep(column, above); number(); }); [...rows].reverse().forEach((column) => { sweep(column, below); number(); }); }
  return rows;
};
const draw = () => {
  const ids = [...shown];
  const rows = layers(ids), at = new Map();
  const tallest = Math.max(1, ...rows.map((column) => column.length));
  rows.forEach((column, x) => column.forEach((id, y) => at.set(id, [20 + x * 240, 24 + (y + (tallest - column.length) / 2) * 46])));
  const picture = make("svg", { width: 40 + rows.length * 240, height: 48 + tallest * 46, role: "img" });
  const near = chosen ? new Set(paths(chosen).flat()) : null;
  if (near) near.add(chosen);
  for (const edge of graph.edges) {
    if (!at.has(edge.source) || !at.has(edge.target)) continue;
    const [x1, y1] = at.get(edge.source), [x2, y2] = at.get(edge.target);
    const names = [edge.conflict ? "conflict" : "", edge.met === false ? "unmet" : "", near && !(near.has(edge.source) && near.has(edge.target)) ? "faded" : ""];
    const line = make("path", { d: `M${x1 + 180} ${y1 + 17}C${x1 + 215} ${y1 + 17} ${x2 - 35} ${y2 + 17} ${x2} ${y2 + 17}`, class: names.join(" ") });
    line.append(make("title", {}, `${nodes.get(edge.source).name} requires ${edge.requires || nodes.get(edge.target).name}`));
    picture.append(line);
  }
  for (const id of ids) {
    const node = nodes.get(id), [x, y] = at.get(id);
    const names = ["node", node.label, node.root ? "root" : "", node.conflict ? "conflict" : "", id === chosen ? "chosen" : "", near && !near.has(id) ? "faded" : ""];
    const box = make("g", { class: names.join(" "), tabindex: 0 });
    box.append(make("rect", { x, y, width: 180, height: 34, rx: 5 }));
    const short = (text, most) => (text.length > most ? `${text.slice(0, most - 1)}\u2026` : text);
    box.append(make("text", { x: x + 8, y: y + 15 }, short(node.name, 24)));
    box.append(make("text", { x: x + 8, y: y + 29, class: "version" }, short(node.version || node.label, 26)));
    const hidden = below.get(id).filter((each) => !shown.has(each)).length;
    if (hidden || open.has(id)) {
      const toggle = make("text", { x: x + 148, y: y + 22, class: "toggle" }, hidden ? `+${hidden}` : "\u2212");
      toggle.addEventListener("click", (event) => { event.stopPropagation(); fold(id, hidden > 0); });
      box.append(toggle);
    }
    box.append(make("title", {}, `${node.label} ${node.name} ${node.version || ""}`));
    box.addEventListener("click", () => choose(id));
    box.addEventListener("keydown", (event) => { if (event.key === "Enter") choose(id); });
    picture.append(box);
  }
  byId("picture").replaceChildren(picture);
  byId("count").textContent = `${ids.length} of ${graph.nodes.length} shown`;
};
const fold = (id, unfold) => {
  if (unfold) { open.add(id); below.get(id).forEach((each) => shown.add(each)); } else {
    open.delete(id);
    // What is reached only from here goes, with what hangs below it.
    const gone = [...below.get(id)];
    while (gone.length) {
      const each = gone.pop();
      if (!shown.has(each) || first.includes(each) || each === id || above.get(each).some((source) => open.has(source) && shown.has(source))) continue;
      shown.delete(each); open.delete(each); gone.push(...below.get(each));
    }
  }
  draw();
};
const choose = (id) => {
  chosen = id;
  const found = paths(id);
  found.flat().forEach((each) => shown.add(each));
  shown.add(id);
  const node = nodes.get(id);
  const head = document.createElement("h2");
  head.textContent = `${node.name} ${node.version || ""}`;
  const rows = found.map((path) => { const row = document.createElement("div"); row.className = "path"; row.textContent = path.map((each) => nodes.get(each).name).join(" \u2192 "); return row; });
  const wants = graph.edges.filter((edge) => edge.target === id && edge.requires).map((edge) => {
    const row = document.createElement("div"); row.className = edge.met === false ? "path bad" : "path soft"; row.textContent = `${nodes.get(edge.source).name} wants ${edge.requires}`; return row;
  });
  byId("chosen").replaceChildren(head, ...wants, ...rows);
  draw();
};
const search = () => {
  const text = byId("search").value.trim().toLowerCase();
  const found = graph.nodes.filter((node) => (text ? `${node.name} ${node.version || ""}`.toLowerCase().includes(text) : node.conflict || node.root)).sort((a, b) => Boolean(b.conflict) - Boolean(a.conflict)).slice(0, MOST_FOUND);
  byId("found").replaceChildren(...found.map((node) => {
    const row = document.createElement("li"), button = document.createElement("button");
    button.textContent = `${node.name} ${node.version || ""}`;
    button.className = node.conflict ? "bad" : "";
    button.addEventListener("click", () => choose(node.id));
    row.append(button);
    return row;
  }));
};
byId("search").addEventListener("input", search);
byId("all").addEventListener("click", () => { shown = new Set(nodes.keys()); nodes.forEach((_, id) => open.add(id)); draw(); });
byId("less").addEventListener("click", () => { shown = new Set(first); open.clear(); chosen = null; byId("chosen").replaceChildren(); draw(); });
search();
const linked = decodeURIComponent(location.hash.slice(1));
if (nodes.has(linked)) choose(linked); else draw();
document.body.dataset.ready = "yes";

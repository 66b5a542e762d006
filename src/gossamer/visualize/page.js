"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const svg = document.getElementById("graph");
  const view = document.getElementById("view");
  const search = document.getElementById("search");
  const found = document.getElementById("found");
  const boxes = data.nodes.map((_, i) => document.getElementById("n" + i));
  const lines = data.edges.map((_, i) => document.getElementById("e" + i));
  const whole = { width: svg.viewBox.baseVal.width, height: svg.viewBox.baseVal.height };
  const after = data.nodes.map(() => []);
  const before = data.nodes.map(() => []);
  for (const [source, target] of data.edges) {
    after[source].push(target);
    before[target].push(source);
  }
  let x = 0, y = 0, scale = 1, held = null, current = null, hits = [];

  // Moving and zooming: the drawing is in pixels, and one transform is changed.
  const draw = () => view.setAttribute("transform", `translate(${x},${y}) scale(${scale})`);
  const size = () => svg.getBoundingClientRect();
  const fitting = () => Math.min(size().width / whole.width, size().height / whole.height, 1.5);
  function zoom(factor, atX = size().width / 2, atY = size().height / 2) {
    const next = Math.min(4, Math.max(Math.min(fitting(), 0.5), scale * factor));
    x = atX - (atX - x) * next / scale;
    y = atY - (atY - y) * next / scale;
    scale = next;
    draw();
  }
  function showWhole() {
    scale = fitting();
    x = (size().width - whole.width * scale) / 2;
    y = (size().height - whole.height * scale) / 2;
    draw();
  }
  function bringIn(i, isCentred = false) {
    const node = data.nodes[i], room = size(), margin = 60;
    const width = boxes[i].getBBox().width;
    const left = x + (node.x + 24) * scale, top = y + (node.y + 24) * scale;
    const right = left + width * scale;
    if (isCentred || left < margin || right > room.width - margin) {
      x += room.width / 2 - (left + right) / 2;
    }
    if (isCentred || top < margin || top > room.height - margin) y += room.height / 2 - top;
    draw();
  }

  // What is lit: nodes and arrows of the stories that go through a node, or what was searched for.
  function light(nodes, arrows) {
    svg.classList.toggle("some", nodes !== null);
    boxes.forEach((box, i) => box.classList.toggle("on", nodes !== null && nodes.has(i)));
    lines.forEach((line, i) => line.classList.toggle("on", arrows !== null && arrows.has(i)));
  }
  function lightStories(wanted) {
    const has = (stories) => stories.some((story) => wanted.has(story));
    const nodes = new Set(), arrows = new Set();
    data.nodes.forEach((node, i) => has(node.stories) && nodes.add(i));
    data.edges.forEach((edge, i) => has(edge[2]) && arrows.add(i));
    light(nodes, arrows);
  }
  function showHits() {
    if (hits.length > 0 || search.value.trim()) light(new Set(hits), new Set());
    else light(null, null);
  }
  function show(i) {
    boxes.forEach((box, j) => box.classList.toggle("here", j === i));
    document.getElementById("legend").hidden = i !== null;
    const panel = document.getElementById("node");
    panel.hidden = i === null;
    if (i === null) {
      showHits();
      return;
    }
    const node = data.nodes[i];
    lightStories(new Set(node.stories));
    panel.querySelector("h2").textContent = node.label;
    panel.querySelector(".kind").textContent =
      `${node.kind}: ${before[i].length} before, ${after[i].length} after`;
    panel.querySelector(".texts").replaceChildren(...node.texts.map((text) => {
      const item = document.createElement("li");
      item.textContent = text;
      return item;
    }));
    const rules = node.stories.filter((story) => data.stories[story].rule).length;
    const parts = [];
    const count = (n, one, many) => n && parts.push(`${n} ${n === 1 ? one : many}`);
    count(node.stories.length - rules, "story", "stories");
    count(rules, "rule", "rules");
    panel.querySelector("h3").textContent = parts.join(", ");
    panel.querySelector(".stories").replaceChildren(...node.stories.slice(0, 100).map((story) => {
      const item = document.createElement("li");
      const place = document.createElement("small");
      item.textContent = data.stories[story].name;
      place.textContent = data.stories[story].where;
      item.append(place);
      item.addEventListener("pointerenter", () => lightStories(new Set([story])));
      item.addEventListener("pointerleave", () => lightStories(new Set(node.stories)));
      return item;
    }));
  }
  function hold(i) {
    held = i;
    show(i);
  }
  function goTo(i) {
    if (i === undefined || i === null) return;
    current = i;
    boxes[i].focus({ preventScroll: true });
    hold(i);
    bringIn(i);
  }

  boxes.forEach((box, i) => {
    box.addEventListener("pointerenter", () => held === null && show(i));
    box.addEventListener("pointerleave", () => held === null && show(null));
  });

  // Pointers: one drags, two zoom. A click that did not drag holds a node or lets go.
  const down = new Map();
  let hasMoved = false, distance = 0;
  svg.addEventListener("pointerdown", (event) => {
    down.set(event.pointerId, event);
    hasMoved = down.size > 1;
  });
  svg.addEventListener("pointermove", (event) => {
    const last = down.get(event.pointerId);
    if (!last) return;
    const [dx, dy] = [event.clientX - last.clientX, event.clientY - last.clientY];
    if (!hasMoved && Math.hypot(dx, dy) < 4) return;
    if (!hasMoved) svg.setPointerCapture(event.pointerId);
    hasMoved = true;
    svg.classList.add("moving");
    down.set(event.pointerId, event);
    if (down.size === 1) {
      x += dx;
      y += dy;
      draw();
      return;
    }
    const [one, other] = [...down.values()];
    const now = Math.hypot(one.clientX - other.clientX, one.clientY - other.clientY);
    const room = size();
    if (distance > 0) {
      zoom(now / distance, (one.clientX + other.clientX) / 2 - room.left,
        (one.clientY + other.clientY) / 2 - room.top);
    }
    distance = now;
  });
  function up(event) {
    down.delete(event.pointerId);
    distance = 0;
    svg.classList.remove("moving");
  }
  svg.addEventListener("pointerup", up);
  svg.addEventListener("pointercancel", up);
  svg.addEventListener("click", (event) => {
    if (hasMoved) return;
    const box = event.target.closest("#nodes > g");
    if (box) goTo(Number(box.id.slice(1)));
    else hold(null);
  });
  svg.addEventListener("wheel", (event) => {
    event.preventDefault();
    const room = size();
    zoom(Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : 0.0015)), event.clientX - room.left,
      event.clientY - room.top);
  }, { passive: false });

  // Keys: right and left follow arrows, up and down stay in the column.
  function beside(i, direction) {
    const column = data.nodes.map((node, j) => j)
      .filter((j) => data.nodes[j].column === data.nodes[i].column)
      .sort((a, b) => data.nodes[a].y - data.nodes[b].y || data.nodes[a].x - data.nodes[b].x);
    return column[column.indexOf(i) + direction];
  }
  svg.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const begins = current === null ? 0 : null;
    const steps = {
      ArrowRight: () => goTo(begins ?? after[current][0]),
      ArrowLeft: () => goTo(begins ?? before[current][0]),
      ArrowDown: () => goTo(begins ?? beside(current, 1)),
      ArrowUp: () => goTo(begins ?? beside(current, -1)),
      Enter: () => goTo(begins ?? current),
      " ": () => goTo(begins ?? current),
    };
    if (!(event.key in steps)) return;
    event.preventDefault();
    steps[event.key]();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      search.value = "";
      hits = [];
      found.textContent = "";
      hold(null);
    }
    if (event.target === search || event.ctrlKey || event.metaKey || event.altKey) return;
    const keys = {
      "/": () => search.focus(),
      "+": () => zoom(1.25),
      "=": () => zoom(1.25),
      "-": () => zoom(0.8),
      "0": showWhole,
    };
    if (!(event.key in keys)) return;
    event.preventDefault();
    keys[event.key]();
  });

  // Search: names of nodes, texts and stories; Enter goes from one to the next.
  const texts = data.nodes.map((node) => [
    node.label, ...node.texts, ...node.stories.map((story) => data.stories[story].name),
  ].join("\n").toLowerCase());
  let at = -1;
  search.addEventListener("input", () => {
    const wanted = search.value.trim().toLowerCase();
    const all = data.nodes.map((_, i) => i).filter((i) => wanted && texts[i].includes(wanted));
    const named = all.filter((i) => data.nodes[i].label.toLowerCase().includes(wanted));
    hits = named.length > 0 ? named : all;
    at = -1;
    found.textContent = wanted ? `${hits.length} found` : "";
    hold(null);
  });
  search.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || hits.length === 0) return;
    at = (at + (event.shiftKey ? hits.length - 1 : 1)) % hits.length;
    current = hits[at];
    hold(current);
    bringIn(current, true);
    found.textContent = `${at + 1} of ${hits.length}`;
  });

  document.getElementById("larger").addEventListener("click", () => zoom(1.25));
  document.getElementById("smaller").addEventListener("click", () => zoom(0.8));
  document.getElementById("whole").addEventListener("click", showWhole);

  svg.removeAttribute("viewBox");
  showWhole();
  if (scale < 0.6) {  // too small to read: begin at the left, at a size that can be read
    scale = 0.8;
    x = 0;
    const first = data.nodes.reduce((best, node, i) =>
      node.x < data.nodes[best].x || (node.x === data.nodes[best].x && node.y < data.nodes[best].y)
        ? i : best, 0);
    y = Math.min(0, size().height / 4 - data.nodes[first].y * scale);
    draw();
  }
})();

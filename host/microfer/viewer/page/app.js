// The stream of views, the actions, the keys. What there is to see is drawn by panels.js and timeline.js.

import { drawPanels, makePanels, put } from "./panels.js";
import { drawTimeline } from "./timeline.js";

const LATENCIES = 300; // predictions whose time from packet to screen is kept
const GIVE_UP_MS = 20000; // how long a viewer that does not answer is waited for

const $ = (id) => document.getElementById(id);
let constants = null;
let view = null;
let isOver = false;
let hasQuit = false;
let givingUp = null; // the timer that runs while the viewer does not answer
let isPlanned = false;
let lastFrame = null;
const latencies = [];

// --- the stream

const stream = new EventSource("events");

stream.addEventListener("constants", (event) => {
  constants = JSON.parse(event.data);
});

stream.addEventListener("view", (event) => {
  view = JSON.parse(event.data);
  clearTimeout(givingUp);
  givingUp = null;
  plan();
});

stream.addEventListener("end", (event) => end("the viewer has ended", `${JSON.parse(event.data).text} This page can be closed.`));

stream.addEventListener("error", () => {
  if (isOver) return;
  const isRefused = stream.readyState === EventSource.CLOSED; // it was answered
  if (hasQuit) end("the viewer has ended", "The viewer was ended. This page can be closed.");
  else if (isRefused) end("refused", "The viewer refused this page: it is another session's, or too many are open.");
  else {
    away("away", "viewer away", "The viewer does not answer. This page tries again by itself.");
    givingUp ??= setTimeout(giveUp, GIVE_UP_MS);
  }
});

// A viewer that was started anew has another address, at which this page will never look.
function giveUp() {
  end("the viewer is gone", "The viewer has ended, or crashed. Start it again: it gives the address of a new page.");
}

function end(short, text) {
  isOver = true;
  stream.close();
  away("ended", short, text);
}

function away(state, short, text) {
  document.body.dataset.state = state;
  document.body.classList.add("still");
  put("link-text", short);
  put("notice", text);
  for (const button of document.querySelectorAll("button")) button.disabled = isOver;
}

function plan() {
  if (isPlanned || document.hidden) return;
  isPlanned = true;
  requestAnimationFrame(draw);
}

document.addEventListener("visibilitychange", () => view && plan());
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => view && plan());
addEventListener("resize", () => view && plan());

function draw() {
  isPlanned = false;
  if (!constants || isOver) return;
  const known = { ...constants, labels: view.labels };
  makePanels(known);
  drawPanels(view, known);
  drawTimeline($("timeline"), view.timeline, known);
  buttons();
  measure();
}

// From the arrival of a prediction's last byte on this computer until the browser has painted it.
function measure() {
  const frame = view.frame;
  if (!frame || frame.number === lastFrame || view.source !== "live" || view.paused) return;
  const isFirst = lastFrame === null; // it may have waited for this page to be opened
  lastFrame = frame.number;
  if (isFirst) return;
  const channel = new MessageChannel();
  channel.port1.onmessage = () => {
    latencies.push(performance.timeOrigin + performance.now() - Date.parse(frame.arrived));
    if (latencies.length > LATENCIES) latencies.shift();
    const sorted = [...latencies].sort((a, b) => a - b);
    const at = (part) => sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))];
    $("latency").dataset.median = at(0.5).toFixed(1);
    $("latency").dataset.p99 = at(0.99).toFixed(1);
    $("latency").dataset.count = sorted.length;
    put("latency", `from packet to screen: median ${at(0.5).toFixed(0)} ms, 99 % within ${at(0.99).toFixed(0)} ms`);
  };
  channel.port2.postMessage(null);
}

// --- actions

async function act(name, options = {}) {
  try {
    const answer = await fetch(`act/${name}`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(options),
    });
    if (!answer.ok) put("notice", await answer.text());
  } catch {
    if (!isOver) put("notice", "The viewer does not answer.");
  }
}

const actions = {
  pause: () => act("pause", { on: !view.paused }),
  step: () => act("step"),
  snapshot: () => act("snapshot"),
  previews: () => act("previews", { on: !view.previews }),
  record: () => act("record", { on: !view.recording }),
  quit: () => {
    hasQuit = true; // the stream may break before its last word
    act("quit");
  },
};

for (const name of Object.keys(actions)) $(name).addEventListener("click", () => view && actions[name]());
$("no-crop-button").addEventListener("click", () => act("previews", { on: true }));

$("speed").addEventListener("change", (event) => act("speed", { speed: event.target.value }));

addEventListener("keydown", (event) => {
  if (!view || !constants || isOver || event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
  let key = event.key.toLowerCase();
  if (key === " ") {
    if (event.target.closest("button, summary, select")) return; // there, it presses what has the focus
    key = isStepwise() ? "n" : "p";
    event.preventDefault();
  }
  const found = constants.keys.find(([letter]) => letter === key);
  if (found && found[1] in actions) actions[found[1]]();
});

const isStepwise = () => view.source.includes("step");

function buttons() {
  const isLive = view.source === "live";
  toggle("pause", view.paused, view.paused ? "Go on" : "Pause");
  toggle("previews", view.previews, view.previews ? "Hide crops" : "Show crops");
  toggle("record", Boolean(view.recording), view.recording ? "Stop recording" : "Record");
  $("previews").hidden = $("record").hidden = !isLive;
  $("step").hidden = !isStepwise();
  $("replay").hidden = isLive;
  $("recording").hidden = !view.recording;
  if (!isLive && document.activeElement !== $("speed")) $("speed").value = speedOf(view.source);
  put("recording", view.recording ? `● ${view.recording}` : "");
  put("notice", view.notice);
}

// The value of the choice for "replay, 2 x" and the like; a speed that is not among them shows none.
function speedOf(source) {
  if (isStepwise()) return "0";
  return source.endsWith("at once") ? "inf" : source.replace(/.*, ([0-9.e+-]+) x/, "$1");
}

function toggle(name, on, text) {
  const button = $(name);
  const label = button.querySelector(".what");
  if (button.getAttribute("aria-pressed") !== String(on)) button.setAttribute("aria-pressed", on);
  if (label.textContent !== text) label.textContent = text;
}

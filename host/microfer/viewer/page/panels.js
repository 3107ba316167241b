// Everything but the timeline. Words that a board sent are only ever put in as text.

const SPOKEN_MS = 3000; // a screen reader hears a new answer at most this often
const STALE_S = 1.5;

const $ = (id) => document.getElementById(id);
const percent = (part) => `${Math.round(100 * part)} %`;
const rate = (value) => (value === null ? "–" : value.toFixed(1));

let spokenAt = 0;
const shown = new Map();

export function put(id, text) {
  const element = $(id);
  if (element.textContent !== text) element.textContent = text;
}

function make(tag, className = "", text = "") {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text) element.textContent = text;
  return element;
}

// Whether this part's content is another one than at the last call.
function isNew(part, content) {
  const text = JSON.stringify(content);
  if (shown.get(part) === text) return false;
  shown.set(part, text);
  return true;
}

// Makes a row for each class, where these are others than before: a board says what it tells apart.
export function makePanels({ labels, colors }) {
  if (!isNew("labels", labels)) return;
  $("bars").replaceChildren(
    ...labels.map((label, index) => {
      const row = make("li");
      row.dataset.label = label;
      row.style.setProperty("--color", colors[index]);
      const tracks = make("div", "tracks");
      tracks.ariaHidden = "true";
      for (let line = 0; line < 2; line++) tracks.append(make("i"));
      for (const line of tracks.children) line.append(make("b"));
      const percents = make("span", "percents");
      percents.append(make("span"), " ", make("small"));
      row.append(make("span", "", label), tracks, percents);
      return row;
    }),
  );
  shown.clear();
  isNew("labels", labels);
}

export function drawPanels(view, constants) {
  document.body.dataset.state = view.state;
  const isStale = view.state === "lost" || view.state === "refused" || (view.source === "live" && view.frame_age_s > STALE_S);
  document.body.classList.toggle("still", isStale && !view.paused);
  drawHeader(view);
  drawAlerts(view);
  drawCrop(view, constants);
  drawPlace(view);
  drawAnswer(view, constants);
  drawSpeed(view);
  drawFacts(view.facts.filter(([title]) => title !== "speed"));
  put("log", view.log.length ? view.log.join("\n") : "nothing yet");
}

function drawHeader({ board, port, state, paused, frame }) {
  put("board", board ? board.name : "no board yet");
  put("model", board ? `${board.model_id}, firmware ${board.firmware_version}` : "");
  put("port", port);
  put("link-text", { lost: "lost, reconnecting", waiting: "waiting for the board", closed: "not connected" }[state] ?? state);
  document.title = `${paused ? "paused" : frame ? frame.headline : state} · microfer`;
}

function drawAlerts(view) {
  const isFine = view.state === "connected" || view.state === "closed";
  const alerts = [
    ...(isFine ? [] : [{ title: "", text: view.state_text, kind: view.state === "lost" || view.state === "refused" ? "bad" : "" }]),
    ...view.errors.map((error) => ({
      title: error.count > 1 ? `${error.name}, ${error.count} times` : error.name,
      text: error.advice,
      more: error.text,
      kind: "bad",
    })),
    ...view.warnings.map((text) => ({ title: "", text, kind: "" })),
  ];
  if (!isNew("alerts", alerts)) return;
  $("alerts").hidden = alerts.length === 0;
  $("alerts").firstElementChild.replaceChildren(
    ...alerts.map(({ title, text, more, kind }) => {
      const item = make("li", kind);
      if (title) item.append(make("strong", "", title));
      item.append(text);
      if (more) item.append(make("small", "", `the board says: ${more}`));
      return item;
    }),
  );
}

function drawCrop({ crop, previews, source, frame, board }, { crop_size: size }) {
  $("crop").hidden = !crop;
  $("no-crop").hidden = Boolean(crop);
  if (crop) {
    if (isNew("crop", crop)) {
      const gray = Uint8Array.from(atob(crop.pixels), (letter) => letter.charCodeAt(0));
      const image = new ImageData(size, size);
      gray.forEach((value, index) => image.data.set([value, value, value, 255], 4 * index));
      $("crop").getContext("2d").putImageData(image, 0, 0);
    }
  } else {
    shown.delete("crop");
    $("crop").getContext("2d").clearRect(0, 0, size, size);
    const isLive = source === "live";
    const isEmpty = frame?.answer === "no face" && (previews || !isLive);
    const title = !isLive ? "No pictures here" : previews ? "Waiting for a crop" : "Previews are off";
    put("no-crop-title", isEmpty ? "No face" : title);
    const reason = previews ? "The board sends a crop with the next face." : "No pixel leaves the board.";
    put("no-crop-text", isLive ? reason : "A recording has crops where previews were on and a face was seen.");
    $("no-crop-button").hidden = !isLive || previews;
  }
  const parts = [crop ? `frame ${crop.frame}, ${size} × ${size} gray pixels` : `${size} × ${size} gray pixels`];
  if (frame?.face_px) {
    const [left, top, width, height] = frame.face_px;
    parts.push(`face ${width} × ${height} px at ${left}, ${top}, ${frame.face_source}`);
  } else if (frame) parts.push("no face in the frame");
  if (board) parts.push(`camera ${board.frame_width_px} × ${board.frame_height_px}`);
  put("crop-text", parts.join("; "));
}

function drawPlace({ frame, board }) {
  const place = $("place");
  if (!isNew("place", [frame?.face_px, board?.frame_width_px, board?.frame_height_px])) return;
  const [width, height] = board ? [board.frame_width_px, board.frame_height_px] : [4, 3];
  place.setAttribute("viewBox", `0 0 ${width} ${height}`);
  const [outline, face] = place.children;
  fit(outline, [0, 0, width, height]);
  face.toggleAttribute("hidden", !frame?.face_px);
  face.style.display = frame?.face_px ? "" : "none";
  if (frame?.face_px) fit(face, frame.face_px);
}

function fit(rectangle, box) {
  ["x", "y", "width", "height"].forEach((name, index) => rectangle.setAttribute(name, box[index]));
}

function drawAnswer({ frame, frame_age_s: age, paused, source }, { labels, colors }) {
  const answer = $("answer");
  answer.dataset.answer = frame ? frame.answer : "none";
  const isFace = frame !== null && frame.answer !== "no face";
  put("headline", frame ? frame.headline : "no prediction yet");
  put("confidence", isFace ? percent(frame.confidence) : "");
  const texts = {
    label: "smoothed over the last frames",
    uncertain: `most probably ${frame?.label}, but below the model's threshold`,
    "no face": "no face was found in this frame",
  };
  const isOld = frame !== null && source === "live" && !paused && age > STALE_S;
  const text = frame ? texts[frame.answer] : "it comes with the board's first frame";
  put("headline-text", isOld ? `the last answer, ${age.toFixed(0)} s ago` : text);
  const best = frame ? labels.indexOf(frame.label) : -1;
  answer.style.setProperty("--best", best < 0 ? "var(--muted)" : colors[best]);
  [...$("bars").children].forEach((row, index) => {
    const [smoothed, raw] = frame ? [frame.smoothed[index], frame.raw[index]] : [0, 0];
    row.classList.toggle("best", index === best);
    const [broad, narrow] = row.querySelectorAll("b");
    broad.style.width = `${100 * smoothed}%`;
    narrow.style.width = `${100 * raw}%`;
    const [first, second] = row.lastElementChild.children;
    const [one, other] = isFace ? [percent(smoothed), percent(raw)] : ["–", "–"];
    if (first.textContent !== one) first.textContent = one;
    if (second.textContent !== other) second.textContent = other;
    row.title = `${labels[index]}: ${one} smoothed, ${other} in this frame alone`;
  });
  if (frame && performance.now() - spokenAt > SPOKEN_MS) {
    spokenAt = performance.now();
    put("spoken", frame.answer === "uncertain" ? `uncertain, most probably ${frame.label}` : frame.headline);
  }
}

function drawSpeed({ frame, fps_board, fps_arrival, fps_camera }) {
  put("fps-board", rate(fps_board));
  put("fps-arrival", rate(fps_arrival));
  put("fps-camera", rate(fps_camera));
  const stages = frame ? Object.entries(frame.stages_ms) : [];
  put("total", frame ? `${frame.total_ms.toFixed(1)} ms` : "");
  if (isNew("stages", stages.map(([name]) => name))) {
    $("stages").replaceChildren(...stages.map((_, index) => colored(index)));
    $("stage-list").replaceChildren(
      ...stages.map(([name], index) => {
        const row = make("div");
        row.append(colored(index), make("dt", "", name), make("dd"));
        return row;
      }),
    );
  }
  stages.forEach(([, ms], index) => {
    $("stages").children[index].style.flex = `${ms} 0 0`;
    $("stage-list").children[index].lastElementChild.textContent = `${ms.toFixed(ms < 1 ? 2 : 1)} ms`;
  });
}

function colored(index) {
  const element = make("i");
  element.style.background = `var(--stage-${index})`;
  return element;
}

function drawFacts(groups) {
  if (!isNew("facts", groups)) return;
  $("facts").replaceChildren(
    ...groups.map(([title, facts]) => {
      const card = make("section", "card");
      const list = make("dl");
      for (const [name, value] of facts) {
        const row = make("div");
        row.append(make("dt", "", name), make("dd", value.startsWith("FAILED") ? "bad" : "", value));
        list.append(row);
      }
      card.append(make("h2", "", title), list);
      return card;
    }),
  );
}

// The last minute: a lane for each answer, so that colour alone tells nothing, and the confidence below.

const LANE = 15;
const GAP = 12;
const NAMES = 92;

export function drawTimeline(canvas, slots, { labels, colors, unsure }) {
  const width = canvas.clientWidth;
  const height = canvas.clientHeight;
  const scale = devicePixelRatio || 1;
  if (canvas.width !== Math.round(width * scale) || canvas.height !== Math.round(height * scale)) {
    canvas.width = Math.round(width * scale);
    canvas.height = Math.round(height * scale);
  }
  const pen = canvas.getContext("2d");
  pen.setTransform(scale, 0, 0, scale, 0, 0);
  pen.clearRect(0, 0, width, height);
  const lanes = [...labels, "uncertain", "no face"];
  const style = getComputedStyle(document.documentElement);
  const color = (name) => style.getPropertyValue(name).trim();
  const area = { left: NAMES, right: width - 4, top: LANE * lanes.length + GAP, bottom: height - 18 };
  const pitch = (area.right - area.left) / slots.length;

  pen.font = `11px ${getComputedStyle(document.body).fontFamily}`;
  pen.textBaseline = "middle";
  drawLanes(pen, lanes, area, color);
  slots.forEach((slot, index) => {
    if (!slot.frames) return;
    const lane = slot.answer === "label" ? labels.indexOf(slot.label) : lanes.indexOf(slot.answer);
    pen.fillStyle = slot.answer === "label" ? colors[lane] : unsure;
    pen.fillRect(area.left + index * pitch, lane * LANE + 2, Math.max(1, pitch - 1), LANE - 4);
  });
  drawScale(pen, area, color);
  drawConfidence(pen, slots, area, pitch, color);
  describe(canvas, slots);
}

function drawLanes(pen, lanes, area, color) {
  lanes.forEach((name, index) => {
    pen.fillStyle = color("--muted");
    pen.textAlign = "left";
    pen.fillText(name, 0, index * LANE + LANE / 2);
    pen.fillStyle = color("--track");
    pen.fillRect(area.left, index * LANE + LANE / 2, area.right - area.left, 1);
  });
}

function drawScale(pen, area, color) {
  pen.fillStyle = color("--muted");
  pen.textAlign = "left";
  pen.fillText("confidence", 0, (area.top + area.bottom) / 2 - 14);
  for (const part of [0, 0.5, 1]) {
    const y = area.bottom - part * (area.bottom - area.top);
    pen.fillStyle = color("--track");
    pen.fillRect(area.left, y, area.right - area.left, 1);
    pen.fillStyle = color("--muted");
    pen.textAlign = "right";
    pen.fillText(`${100 * part} %`, area.left - 6, y);
  }
  for (const seconds of area.right - area.left > 360 ? [60, 45, 30, 15, 0] : [60, 30, 0]) {
    const x = area.right - (seconds / 60) * (area.right - area.left);
    pen.textAlign = seconds === 60 ? "left" : seconds === 0 ? "right" : "center";
    pen.fillText(seconds ? `${seconds} s ago` : "now", x, area.bottom + 11);
  }
  pen.textAlign = "left";
}

function drawConfidence(pen, slots, area, pitch, color) {
  pen.strokeStyle = color("--line");
  pen.lineWidth = 2;
  pen.lineJoin = "round";
  pen.beginPath();
  let isDrawn = false;
  slots.forEach((slot, index) => {
    const hasScore = slot.frames && slot.answer !== "no face";
    const x = area.left + (index + 0.5) * pitch;
    const y = area.bottom - slot.confidence * (area.bottom - area.top);
    if (hasScore && isDrawn) pen.lineTo(x, y);
    else if (hasScore) {
      pen.moveTo(x - pitch / 3, y);
      pen.lineTo(x, y);
    }
    isDrawn = hasScore;
  });
  pen.stroke();
}

function describe(canvas, slots) {
  const counts = new Map();
  for (const { answer, label, frames } of slots) {
    const name = answer === "label" ? label : answer;
    if (frames) counts.set(name, (counts.get(name) ?? 0) + 0.5);
  }
  const parts = [...counts].map(([name, seconds]) => `${name} ${Math.round(seconds)} s`);
  const text = `Answers of the last minute: ${parts.join(", ") || "none"}`;
  if (canvas.getAttribute("aria-label") !== text) canvas.setAttribute("aria-label", text);
}

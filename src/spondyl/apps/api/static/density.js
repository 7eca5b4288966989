// The page for bone density pictures: send one, and say the answer in words first.
import { notice, onFiles, post } from "./sending.js";
import { follow, showStage } from "./stages.js";

const at = (id) => document.getElementById(id);
const form = at("density");
const bar = at("progress-bar");
const SVG = "http://www.w3.org/2000/svg";
const NAMED = ["who-classes-do-not-apply", "too-few-vertebrae", "density-from-report", "density-measured"];
const MEASURES = {
  areal_bone_density: "Bone density", t_score: "T-score", z_score: "Z-score", coronal_curvature: "Sideways curve of the spine",
};
const DIGITS = { "g/cm2": 3, SD: 2, deg: 1, ratio: 2 }; // decimals by unit, elsewhere 1: as reports.rows has them
const LEAST = 0.01; // log odds from which on a contribution is told: as reports.contributions has it
let last = [];

onFiles(form, at("file"), send);
for (const field of [at("age"), at("sex")]) field.addEventListener("input", () => (at("again").hidden = !last.length));
at("again").addEventListener("click", () => send(last));
at("heat").addEventListener("change", (event) => at("picture").classList.toggle("cool", !event.target.checked));

function send(files) {
  if (!form.reportValidity()) return;
  last = files;
  const body = new FormData();
  for (const name of ["age", "sex"]) if (at(name).value) body.append(name, at(name).value);
  for (const file of files) body.append("file", file);
  at("answer").hidden = true;
  at("progress").hidden = false;
  at("stages").replaceChildren();
  at("progress-end").replaceChildren();
  at("progress-title").textContent = "Sending";
  bar.hidden = false;
  bar.value = 0;
  post(form.action, body, {
    bar,
    onSent: () => (at("progress-title").textContent = "Reading"),
    onAnswer: (status, answer) => (status === 200 ? say(answer) : status === 202 ? wait(answer) : fail(answer)),
    onUnreachable: fail,
  });
}

// It takes longer than a request may: follow the job to the page of the study.
function wait(answer) {
  at("progress-title").textContent = "Analysing";
  follow(answer.job.id, (stage) => showStage(at("stages"), bar, stage), (job) => {
    if (job.error) fail(job.error);
    else location.assign(`/studies/${job.studies[0]}`);
  });
}

function fail(error) {
  at("progress-title").textContent = "There is no answer";
  bar.hidden = true;
  const end = at("progress-end");
  end.append(notice("bad", error.message ?? "the server gave no reason", error.hint));
  for (const row of error.skipped?.length > 1 ? error.skipped : []) end.append(notice("warn", `${row.source}: ${row.message}`, row.hint));
  if (error.result) end.append(linked(`/studies/${error.result.split("/")[4]}`, "The picture as it was kept"));
}

function say(answer) {
  at("progress").hidden = true;
  at("answer").hidden = false;
  at("again").hidden = true;
  at("said").textContent = answer.answer;
  at("said").classList.toggle("unsure", answer.refer);
  at("evidence").textContent = `evidence: ${answer.evidence}`;
  at("evidence").className = `badge ${answer.evidence}`;
  at("in-silico").hidden = answer.evidence !== "in-silico";
  at("because").textContent = because(answer);
  const chances = Object.entries(answer.probabilities);
  at("chances").replaceChildren(...chances.map(([name, chance]) => barOf(name, chance, name === answer.prediction)));
  at("plausible").textContent = answer.set.length ? `Plausible at 90 %: ${answer.set.join(", ")}.` : "No class is given for this picture.";
  fill("doubts", answer.unreliable_vertebrae.map((one) => line(doubt(one))));
  fill("warnings", [...answer.warnings, ...answer.skipped].map((one) => line(one.message)));
  fill("measures", answer.measurements.map((one) => line(measure(one))));
  vote(chances.length ? answer.members : {}); // where no class is given, votes for one would mislead
  at("moved").textContent = moved(answer.contributions);
  draw(answer);
  at("study").href = `/studies/${answer.study}`;
  at("json").href = answer.result;
  at("disclaimer").textContent = answer.disclaimer;
  at("said").focus({ preventScroll: true });
  at("answer").scrollIntoView({ block: "start" });
}

function because(answer) {
  const reason = NAMED.map((code) => answer.warnings.find((one) => one.code === code)).find(Boolean);
  if (reason) return `${reason.message[0].toUpperCase()}${reason.message.slice(1)}.`;
  return answer.refer
    ? "The picture does not say it surely enough."
    : "This is the class that a scanner would most likely print with this picture.";
}

function percent(chance) {
  if (chance < 0.01) return "<1 %";
  return chance > 0.99 ? ">99 %" : `${Math.round(chance * 100)} %`;
}

function barOf(name, chance, chosen) {
  const row = line("");
  const track = made("span", "track");
  const level = made("span", "level-bar");
  level.style.width = `${100 * chance}%`;
  track.append(level);
  track.setAttribute("aria-hidden", "true");
  row.classList.toggle("chosen", chosen);
  row.append(made("span", "class-name", name), track, made("span", "chance", percent(chance)));
  return row;
}

function doubt(one) {
  const reasons = Object.entries(one.reasons).sort((a, b) => b[1] - a[1]).map(([name, chance]) => `${name} ${percent(chance)}`);
  const why = reasons.length ? ` (${reasons.join(", ")})` : "";
  return `${one.level ?? "A vertebra"}: unreliable ${percent(one.probability)}${why}.`;
}

function measure(one) {
  const name = MEASURES[one.name] ?? one.name.replaceAll("_", " ");
  const digits = DIGITS[one.unit] ?? 1;
  const error = one.error === null ? "" : ` ± ${one.error.toFixed(digits)}`;
  const value = one.value.toFixed(digits).replace("-", "−");
  return `${name}${one.level ? `, ${one.level}` : ""}: ${value}${error} ${one.unit.replace("cm2", "cm²")} (${one.method})`;
}

function vote(members) {
  const rows = Object.entries(members);
  at("votes").hidden = !rows.length;
  if (!rows.length) return;
  const classes = Object.keys(rows[0][1]);
  const table = at("votes").querySelector("table");
  table.tHead.rows[0].replaceChildren(...["member", ...classes].map((name) => heading("col", name)));
  table.tBodies[0].replaceChildren(...rows.map(([name, chances]) => {
    const row = made("tr");
    const most = Math.max(...Object.values(chances));
    row.append(heading("row", name.replaceAll("_", " ")));
    row.append(...classes.map((one) => made("td", chances[one] === most ? "most" : "", percent(chances[one]))));
    return row;
  }));
}

// What moved the member that measures, the largest first: "texture +0.31 towards osteoporosis; shape −0.10 away from it".
function moved(contributions) {
  const parts = Object.entries(contributions).filter(([, value]) => Math.abs(value) >= LEAST);
  parts.sort((a, b) => Math.abs(b[1]) - Math.abs(a[1]));
  const named = (part) => `${part[0].replaceAll("_", " ")} ${part[1] > 0 ? "+" : "−"}${Math.abs(part[1]).toFixed(2)}`;
  const sides = [
    [parts.filter((part) => part[1] > 0), "towards osteoporosis"],
    [parts.filter((part) => part[1] < 0), "away from it"],
  ].filter(([own]) => own.length);
  const said = sides.map(([own, where]) => `${own.map(named).join(", ")} ${where}`).join("; ");
  return said && `What moved the measured-feature model (log odds of osteoporosis): ${said}.`;
}

function draw({ picture, unreliable_vertebrae: doubtful }) {
  const svg = at("picture");
  svg.setAttribute("viewBox", `0 0 ${picture.columns} ${picture.rows}`);
  const size = { width: picture.columns, height: picture.rows };
  svg.replaceChildren(shape("image", { href: picture.address, ...size }));
  if (picture.heat_map) svg.append(shape("image", { href: picture.heat_map, class: "heat", preserveAspectRatio: "none", ...size }));
  at("heat").closest("label").hidden = !picture.heat_map;
  for (const { level, bbox } of doubtful.filter((one) => one.bbox)) {
    const [x, y, right, bottom] = bbox;
    svg.append(shape("rect", { class: "doubtful", x, y, width: right - x, height: bottom - y, "vector-effect": "non-scaling-stroke" }));
    const size = picture.rows / 28;
    const name = shape("text", { class: "doubtful", x: x + size / 8, y: y - size / 4, "font-size": size, "stroke-width": size / 6 });
    name.textContent = level ?? "?";
    svg.append(name);
  }
}

function shape(name, attributes) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return element;
}

function fill(id, lines) {
  at(id).hidden = !lines.length;
  at(id).querySelector("ul").replaceChildren(...lines);
}

function made(tag, name = "", text = "") {
  const element = document.createElement(tag);
  if (name) element.className = name;
  element.textContent = text;
  return element;
}

function line(text) {
  return made("li", "", text);
}

function heading(scope, text) {
  const cell = made("th", "", text);
  cell.scope = scope;
  return cell;
}

function linked(address, text) {
  const link = made("a", "", text);
  link.href = address;
  return link;
}

// The drop zone: send, show the stages as they come, go to the study.
import { follow, showStage } from "./stages.js";

const form = document.getElementById("upload");
const input = document.getElementById("files");
const panel = document.getElementById("progress");
const title = document.getElementById("progress-title");
const bar = document.getElementById("progress-bar");
const stages = document.getElementById("stages");
const end = document.getElementById("progress-end");

form.addEventListener("submit", (event) => event.preventDefault());
input.addEventListener("change", () => send([...input.files]));

// Anywhere on the page will do: a file that misses the zone must not be opened by the browser.
for (const name of ["dragenter", "dragover"]) {
  document.addEventListener(name, (event) => {
    event.preventDefault();
    form.classList.add("over");
  });
}
document.addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) form.classList.remove("over");
});
document.addEventListener("drop", async (event) => {
  event.preventDefault();
  form.classList.remove("over");
  send(await droppedFiles(event.dataTransfer));
});

async function droppedFiles(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!entries.length) return [...transfer.files];
  return (await Promise.all(entries.map(filesOf))).flat();
}

async function filesOf(entry) {
  if (entry.isFile) return [await new Promise((done, fail) => entry.file(done, fail))];
  const reader = entry.createReader();
  const found = [];
  for (;;) {
    const some = await new Promise((done, fail) => reader.readEntries(done, fail));
    if (!some.length) return (await Promise.all(found.map(filesOf))).flat();
    found.push(...some);
  }
}

function send(files) {
  if (!files.length) return;
  const body = new FormData();
  const pair = form.querySelector("[name=pair]");
  const task = form.querySelector("[name=task]");
  if (pair.checked) body.append("pair", "true");
  if (task?.value) body.append("task", task.value);
  for (const file of files) body.append("files", file);
  panel.hidden = false;
  stages.replaceChildren();
  end.replaceChildren();
  title.textContent = files.length === 1 ? "Sending" : `Sending ${files.length} files`;
  bar.value = 0;
  const request = new XMLHttpRequest();
  request.open("POST", form.action);
  request.responseType = "json";
  request.upload.addEventListener("progress", (event) => {
    if (event.lengthComputable) bar.value = event.loaded / event.total;
  });
  request.upload.addEventListener("load", () => {
    title.textContent = "Reading";
    bar.removeAttribute("value");
  });
  request.addEventListener("error", () => fail({ message: "the server cannot be reached", hint: "Is it still running?" }));
  request.addEventListener("load", () => (request.status === 202 ? accepted(request.response) : fail(request.response ?? {})));
  request.send(body);
  input.value = "";
}

function accepted(answer) {
  title.textContent = "Analysing";
  tellSkipped(answer.skipped);
  bar.value = 0;
  follow(answer.job.id, (stage) => showStage(stages, bar, stage), (job) => finished(job, answer.skipped));
}

function finished(job, skipped) {
  bar.value = 1;
  if (job.state === "failed" && job.error) fail(job.error);
  else title.textContent = "Done";
  if (job.studies.length === 1 && !skipped.length && job.state === "done") {
    location.assign(`/studies/${job.studies[0]}`);
    return;
  }
  for (const key of job.studies.slice(0, 50)) {
    const link = document.createElement("a");
    link.href = `/studies/${key}`;
    link.textContent = `Study ${key.slice(0, 10)}`;
    const line = document.createElement("p");
    line.append(link);
    end.append(line);
  }
}

function fail(error) {
  title.textContent = "This did not work";
  bar.value = 0;
  if ((error.skipped ?? []).length > 1) tellSkipped(error.skipped);
  else end.append(words("bad", error.message ?? "the server gave no reason", error.hint));
}

function tellSkipped(rows) {
  for (const row of (rows ?? []).slice(0, 20)) end.append(words("warn", `${row.source}: ${row.message}`, row.hint));
  if ((rows ?? []).length > 20) end.append(words("warn", `and ${rows.length - 20} more`, ""));
}

function words(kind, message, hint) {
  const box = document.createElement("p");
  box.className = `notice ${kind}`;
  box.textContent = `${message}. ${hint ?? ""}`;
  return box;
}

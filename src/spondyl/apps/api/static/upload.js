// The drop zone: send, show the stages as they come, go to the study.
import { notice, onFiles, post } from "./sending.js";
import { follow, showStage } from "./stages.js";

const form = document.getElementById("upload");
const panel = document.getElementById("progress");
const title = document.getElementById("progress-title");
const bar = document.getElementById("progress-bar");
const stages = document.getElementById("stages");
const end = document.getElementById("progress-end");

onFiles(form, document.getElementById("files"), send);

function send(files) {
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
  post(form.action, body, {
    bar,
    onSent: () => (title.textContent = "Reading"),
    onAnswer: (status, answer) => (status === 202 ? accepted(answer) : fail(answer)),
    onUnreachable: fail,
  });
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
  else end.append(notice("bad", error.message ?? "the server gave no reason", error.hint));
}

function tellSkipped(rows) {
  for (const row of (rows ?? []).slice(0, 20)) end.append(notice("warn", `${row.source}: ${row.message}`, row.hint));
  if ((rows ?? []).length > 20) end.append(notice("warn", `and ${rows.length - 20} more`, ""));
}

// Follow a job by server-sent events; the browser takes up again where it was after a restart of the server.
export function follow(id, onStage, onEnd) {
  const source = new EventSource(`/api/v1/jobs/${id}/events`);
  source.addEventListener("stage", (event) => onStage(JSON.parse(event.data)));
  source.addEventListener("error", () => source.readyState === EventSource.CLOSED && ask(id, onStage, onEnd));
  source.addEventListener("end", (event) => {
    source.close();
    onEnd(JSON.parse(event.data));
  });
}

// Where the server has too many streams open, ask now and then.
async function ask(id, onStage, onEnd) {
  const answer = await fetch(`/api/v1/jobs/${id}`).catch(() => undefined);
  const job = answer?.ok ? await answer.json() : undefined;
  if (job) onStage(job);
  if (job?.state === "done" || job?.state === "failed") onEnd(job);
  else setTimeout(() => ask(id, onStage, onEnd), 2000);
}

export function showStage(list, bar, stage) {
  bar.value = stage.progress;
  for (const item of list.children) item.className = "past";
  let item = [...list.children].find((old) => old.dataset.stage === stage.stage);
  if (!item) {
    item = document.createElement("li");
    item.dataset.stage = stage.stage;
    item.textContent = stage.stage.replaceAll("_", " ");
    list.append(item);
  }
  item.className = stage.state === "done" ? "past" : "now";
}

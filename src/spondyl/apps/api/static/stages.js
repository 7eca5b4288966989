// Follow a job by server-sent events; the browser takes up again where it was after a restart of the server.
export function follow(id, onStage, onEnd) {
  const source = new EventSource(`/api/v1/jobs/${id}/events`);
  source.addEventListener("stage", (event) => onStage(JSON.parse(event.data)));
  source.addEventListener("end", (event) => {
    source.close();
    onEnd(JSON.parse(event.data));
  });
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

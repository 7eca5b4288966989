// What every drop zone does: take files that are chosen or dropped, send them, and tell what went wrong in words.

// Anywhere on the page will do: a file that misses the zone must not be opened by the browser.
export function onFiles(form, input, send) {
  form.addEventListener("submit", (event) => event.preventDefault());
  input.addEventListener("change", () => take(send, [...input.files], input));
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
    take(send, await droppedFiles(event.dataTransfer), input);
  });
}

function take(send, files, input) {
  if (files.length) send(files);
  input.value = "";
}

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

// Post a form; `onAnswer` gets the status and the body, `onSent` is called once all of it is on its way.
export function post(address, body, { bar, onSent, onAnswer, onUnreachable }) {
  const request = new XMLHttpRequest();
  request.open("POST", address);
  request.responseType = "json";
  request.upload.addEventListener("progress", (event) => {
    if (event.lengthComputable) bar.value = event.loaded / event.total;
  });
  request.upload.addEventListener("load", () => {
    bar.removeAttribute("value");
    onSent();
  });
  request.addEventListener("error", () => onUnreachable({ message: "the server cannot be reached", hint: "Is it still running?" }));
  request.addEventListener("load", () => onAnswer(request.status, request.response ?? {}));
  request.send(body);
}

export function notice(kind, message, hint) {
  const box = document.createElement("p");
  box.className = `notice ${kind}`;
  box.textContent = `${message}. ${hint ?? ""}`;
  return box;
}

// What a result page can do beyond being read: heat maps, boxes on and off, levels lit up, live stages.
import { follow, showStage } from "./stages.js";

for (const figure of document.querySelectorAll("figure.picture")) {
  const heat = figure.querySelector(".heat");
  const choice = figure.querySelector(".choose-heat");
  choice?.addEventListener("change", () => showHeat(heat, chosenHeat(choice)));
  figure.querySelector(".show-marks")?.addEventListener("change", (event) => {
    figure.querySelector(".marks").classList.toggle("hidden", !event.target.checked);
  });
}

// A list of heat maps, or a box to tick where there is one.
function chosenHeat(choice) {
  return choice.type === "checkbox" && !choice.checked ? "" : choice.value;
}

function chooseHeat(choice, address) {
  if (choice.type === "checkbox") choice.checked = Boolean(address);
  else choice.value = address;
}

function showHeat(heat, address) {
  if (address) heat.setAttribute("href", address);
  else heat.removeAttribute("href");
}

for (const link of document.querySelectorAll(".heat-link")) {
  const figure = [...link.closest(".result").querySelectorAll("figure.picture")].find((one) => one.dataset.image === link.dataset.image);
  if (!figure) continue;
  link.addEventListener("click", (event) => {
    event.preventDefault();
    const choice = figure.querySelector(".choose-heat");
    const address = link.getAttribute("href");
    chooseHeat(choice, chosenHeat(choice) === address ? "" : address);
    showHeat(figure.querySelector(".heat"), chosenHeat(choice));
    figure.scrollIntoView({ block: "nearest", behavior: "smooth" });
  });
}

// A level lights up on the picture while the pointer is on its row, and the other way round.
for (const result of document.querySelectorAll(".result")) {
  for (const part of result.querySelectorAll("[data-level]")) {
    const same = () => [...result.querySelectorAll("[data-level]")].filter((one) => one.dataset.level === part.dataset.level);
    part.addEventListener("pointerenter", () => same().forEach((one) => one.classList.add("lit")));
    part.addEventListener("pointerleave", () => same().forEach((one) => one.classList.remove("lit")));
  }
}

const live = document.getElementById("live");
if (live) {
  const list = live.querySelector(".stages");
  list.replaceChildren();
  follow(live.dataset.job, (stage) => showStage(list, live.querySelector("progress"), stage), () => location.reload());
}

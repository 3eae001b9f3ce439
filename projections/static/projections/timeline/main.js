// The entry point: builds the chart on the page of the timeline.

import { Chart } from "./chart.js";
import { handleInput } from "./input.js";
import { Page } from "./page.js";
import { Clock } from "./times.js";
import { Translations } from "./translations.js";

function start(root) {
  const clock = new Clock(document.documentElement.lang, root.dataset.timeZone);
  const translations = new Translations(root.querySelector("template[data-texts]"), clock);
  const chart = new Chart(root.querySelector("[data-chart]"), translations);
  handleInput(chart);
  return new Page(root, chart);
}

export const page = start(document.querySelector("#presence-timeline"));

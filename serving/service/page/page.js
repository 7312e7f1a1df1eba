import { ask, Refused, useToken } from "./client.js";

const find = (selector, within = document) => within.querySelector(selector);

// Text is set as text throughout: names and messages are never markup.
function element(name, text) {
  const made = document.createElement(name);
  made.textContent = text;
  return made;
}

function fill(list, pairs) {
  list.replaceChildren(...pairs.flatMap(([term, text]) => [element("dt", term), element("dd", text)]));
}

function show(result, kind, headline) {
  result.hidden = false;
  result.className = `result ${kind}`;
  find(".headline", result).textContent = headline;
  for (const list of result.querySelectorAll("dl, ul, tbody")) list.replaceChildren();
  for (const part of result.querySelectorAll(".scale, table")) part.hidden = true;
}

const number = (value, digits = 4) => value.toFixed(digits);
const percent = (value) => `${(100 * value).toPrecision(2)} %`;

function interval([low, high]) {
  return `95 % interval ${percent(low)} to ${percent(high)}`;
}

// What the distance is worth, in words that need no glossary.
function meaning(answer) {
  const threshold = answer.threshold;
  const pairs = [["Distance", `${number(answer.distance)} (${answer.distance_name})`]];
  if (!threshold) return pairs;
  pairs.push(["Threshold", `${number(threshold.value)} (${threshold.name}): nearer pairs are taken for one person`]);
  pairs.push(["Strangers taken for one person", `${percent(threshold.FAR)}, ${interval(threshold.FAR_interval)}`]);
  pairs.push(["One person taken for two", `${percent(threshold.FRR)}, ${interval(threshold.FRR_interval)}`]);
  pairs.push(["Measured on", `${threshold.test_people} people, ${threshold.state}`]);
  if (answer.log_likelihood_ratio !== null) {
    pairs.push(["Evidence", `log-likelihood ratio ${number(answer.log_likelihood_ratio, 2)}`]);
    pairs.push(["Probability of one person", `${percent(answer.probability)}, if it was ${percent(answer.prior)} before`]);
  }
  return pairs;
}

function draw(scale, answer) {
  const furthest = 2; // of both distances, for vectors of length 1
  const at = (value) => `${Math.min(100, (100 * value) / furthest)}%`;
  scale.hidden = false;
  find(".near", scale).style.width = at(answer.threshold.value);
  find(".limit", scale).style.left = at(answer.threshold.value);
  find(".mark", scale).style.left = at(answer.distance);
  find(".limit-name", scale).style.marginLeft = `min(${at(answer.threshold.value)}, 100% - 8rem)`;
  find(".limit-name", scale).textContent = `threshold ${number(answer.threshold.value, 2)}`;
}

function headline(same) {
  if (same === null) return "No verdict: this model has no thresholds";
  return same ? "Same person" : "Different people";
}

async function verify(form) {
  const answer = await ask("/v1/verify", { method: "POST", body: new FormData(form) });
  const result = find("#verdict");
  show(result, answer.same ? "same" : "different", headline(answer.same));
  if (answer.threshold) draw(find(".scale", result), answer);
  fill(find("dl", result), meaning(answer));
  find(".remarks", result).append(...answer.remarks.map((remark) => element("li", remark)));
}

function failed(result, error) {
  if (!(error instanceof Refused)) throw error;
  if (error.status === 401) {
    find("#access").hidden = false;
    find("#token").focus();
  }
  show(result, "failed", error.message);
}

function onSubmit(formName, resultName, action) {
  const form = find(formName);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const button = find("button", form);
    button.disabled = true;
    try {
      await action(form);
    } catch (error) {
      failed(find(resultName), error);
    } finally {
      button.disabled = false;
    }
  });
}

function preview(drop) {
  const input = find("input", drop), image = find("img", drop), hint = find(".hint", drop);
  URL.revokeObjectURL(image.src);
  const files = [...input.files];
  image.hidden = files.length === 0;
  if (files.length) image.src = URL.createObjectURL(files[0]);
  hint.textContent = files.length > 1 ? `${files.length} files` : files[0]?.name ?? "";
}

function dropping(drop) {
  const input = find("input", drop);
  input.addEventListener("change", () => preview(drop));
  for (const name of ["dragenter", "dragover"]) drop.addEventListener(name, () => drop.classList.add("over"));
  for (const name of ["dragleave", "drop"]) drop.addEventListener(name, () => drop.classList.remove("over"));
}

// A table of the nearest people, near enough or not.
async function nearest(form, result) {
  const body = new FormData(form);
  body.set("top", "5");
  const { candidates } = await ask("/v1/search", { method: "POST", body });
  const rows = candidates.map(({ person, distance }) => {
    const row = element("tr", "");
    row.append(element("td", person), element("td", number(distance)));
    return row;
  });
  find("tbody", result).append(...rows);
  find("table", result).hidden = rows.length === 0;
}

async function identify(form) {
  const answer = await ask("/v1/identify", { method: "POST", body: new FormData(form) });
  const result = find("#found");
  show(result, answer.person === null ? "different" : "same", answer.person ?? "Nobody who is enrolled");
  const pairs = [];
  if (answer.distance !== null) pairs.push(["Nearest image", `${number(answer.distance)} away`]);
  pairs.push(["Threshold", `${number(answer.threshold)} (${answer.threshold_name})`]);
  pairs.push(["A stranger gets a name", `with a probability of ${percent(answer.FPIR)}, at most`]);
  if (answer.log_likelihood_ratio !== null) {
    pairs.push(["Evidence", `log-likelihood ratio ${number(answer.log_likelihood_ratio, 2)}`]);
  }
  fill(find("dl", result), pairs);
  find(".remarks", result).append(...answer.remarks.map((remark) => element("li", remark)));
  await nearest(form, result);
}

function outcome({ image, enrolled, reasons }) {
  const why = Object.values(reasons).join("; ");
  return element("li", enrolled ? `${image} is enrolled` : `${image} is not enrolled: ${why}`);
}

async function enrol(form) {
  const answer = await ask("/v1/enrol", { method: "POST", body: new FormData(form) });
  const result = find("#enrolled");
  const count = answer.images.filter(({ enrolled }) => enrolled).length;
  show(result, "same", `${answer.person}: ${count} of ${answer.images.length} enrolled`);
  find(".remarks", result).append(...answer.images.map(outcome));
  await people();
}

async function people() {
  const { people: known } = await ask("/v1/people");
  const list = find("#people");
  list.textContent = known.length === 1 ? "One person is enrolled." : `${known.length} people are enrolled.`;
}

async function about() {
  const { ready, name, version, gallery } = await ask("/healthz");
  find("#model").textContent = `${ready ? "model" : "stopping: model"} ${name}, version ${version}`;
  find("#gallery").hidden = !gallery;
  if (gallery) await people().catch((error) => failed(find("#found"), error));
}

document.querySelectorAll(".drop").forEach(dropping);
onSubmit("#verify", "#verdict", verify);
onSubmit("#identify", "#found", identify);
onSubmit("#enrol", "#enrolled", enrol);
find("#access").addEventListener("submit", (event) => {
  event.preventDefault();
  useToken(find("#token").value);
  find("#access").hidden = true;
  for (const result of document.querySelectorAll(".failed")) result.hidden = true;
  about();
});
about().catch((error) => { find("#model").textContent = error.message; });

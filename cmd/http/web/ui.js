// What all pages share. Text from servers becomes text nodes only, never markup.

const at = location.pathname.lastIndexOf("/web/");
export const root = location.pathname.slice(0, at);
export const where = location.pathname.slice(at + 5).split("/").filter(Boolean).map(decodeURIComponent);
export const mayWrite = document.body.dataset.mayWrite === "true";
export const user = document.body.dataset.user;

/** An element: attributes, listeners as "onclick", and children, of which text is text. */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else element.setAttribute(name, value);
  }
  element.append(...children.flat(3).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** Segments of a path, each encoded. */
export const path = (...segments) => segments.map((s) => encodeURIComponent(String(s))).join("/");
export const page = (...segments) => `${root}/web/${path(...segments)}`;

export const keyText = (key) => `${key.Hostname}:${key.Port}`;
export const keyPath = (key) => path(key.Hostname, key.Port);
export const isKey = (key) => key && key.Hostname !== "";

/** A host's name as it is shown: RemoveTextFromHostnameDisplay is left out. */
export function shown(key) {
  const cut = document.body.dataset.cut;
  return cut ? keyText(key).split(cut).join("") : keyText(key);
}

async function ask(target, options) {
  let response;
  try {
    response = await fetch(`${root}/api/${target}`, options);
  } catch (problem) {
    throw new Error(`no answer from the service: ${problem.message}`);
  }
  let answer;
  try {
    answer = await response.json();
  } catch {
    throw new Error(`${target}: status ${response.status}`);
  }
  if (answer && typeof answer === "object" && "Code" in answer) {
    if (answer.Code !== "OK") throw new Error(answer.Message);
    return answer;
  }
  return { Message: "", Details: answer };
}

/** What a reading call of the API answers; an empty list where it says null. */
export async function read(target, parameters = {}) {
  const query = new URLSearchParams(parameters).toString();
  return (await ask(query ? `${target}?${query}` : target)).Details ?? [];
}

/** Calls something that changes things, after asking, and says how it went. */
export async function act(question, target, parameters = {}) {
  if (question && !window.confirm(question)) return false;
  document.body.classList.add("busy");
  try {
    const query = new URLSearchParams(parameters).toString();
    const answer = await ask(query ? `${target}?${query}` : target, { method: "POST" });
    alert(answer.Message || "done", "good");
    return true;
  } catch (problem) {
    alert(problem.message, "bad");
    return false;
  } finally {
    document.body.classList.remove("busy");
  }
}

export function alert(text, kind = "bad") {
  const line = h("div", { class: `alert ${kind}` }, h("span", {}, text));
  line.append(h("button", { onclick: () => line.remove(), "aria-label": "dismiss" }, "×"));
  document.getElementById("alerts").append(line);
}

export const badge = (text, kind = "", title) => h("span", { class: `badge ${kind}`, title }, text);
export const soft = (...children) => h("span", { class: "soft" }, ...children);

export function table(heads, rows, nothing = "nothing here") {
  if (rows.length === 0) return h("p", { class: "soft" }, nothing);
  return h("div", { class: "scroll" },
    h("table", {},
      h("thead", {}, h("tr", {}, heads.map((head) => h("th", {}, head)))),
      h("tbody", {}, rows.map((cells) => h("tr", {}, cells.map((cell) => h("td", {}, cell ?? "")))))));
}

export function facts(pairs) {
  return h("dl", {}, pairs.filter(([, value]) => value !== "" && value !== null && value !== undefined)
    .map(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]));
}

export function time(seconds) {
  if (seconds < 120) return `${seconds}s`;
  if (seconds < 7200) return `${Math.floor(seconds / 60)}m ${seconds % 60}s`;
  return `${Math.floor(seconds / 3600)}h ${Math.floor((seconds % 3600) / 60)}m`;
}

export const clusterLink = (cluster, alias) =>
  h("a", { href: alias && alias !== cluster ? page("cluster", "alias", alias) : page("cluster", cluster) }, alias || cluster);
export const instanceLink = (key) =>
  isKey(key) ? h("a", { href: page("search", keyText(key)) }, shown(key)) : soft("none");

const kFailures = /^(Dead|Unreachable|Locked|AllMasterReplicasNot|AllIntermediateMasterReplicas|BinlogServerFailing|NonWriteable|NoWriteable)/;
/** How bad a verdict is: the class of its colour. */
export function severity(entry) {
  if (entry.IsDowntimed || entry.SkippableDueToDowntime) return "quiet";
  if (kFailures.test(entry.Analysis) && !entry.Analysis.endsWith("Hypothesis")) return "bad";
  return entry.Analysis === "NoProblem" && !(entry.StructureAnalysis ?? []).length ? "good" : "warn";
}
export const verdicts = (entry) =>
  [entry.Analysis, ...(entry.StructureAnalysis ?? [])].filter((code) => code && code !== "NoProblem");

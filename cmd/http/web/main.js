// Which page it is, and what stands above all of them.

import * as pages from "./pages.js";
import { alert, h, mayWrite, page, root, user, where } from "./ui.js";
import { topologyPage } from "./topology.js";

const kRefreshSeconds = 60;
const kLive = ["clusters", "clusters-analysis", "cluster"];

function content() {
  const [name, ...parts] = where;
  switch (name) {
    case "clusters": return pages.clusters();
    case "clusters-analysis": return pages.analysis();
    case "cluster": return topologyPage(parts[0] === "alias" ? parts[1] : parts[0] === "instance" ? `${parts[1]}:${parts[2]}` : parts[0]);
    case "cluster-pools": return pages.pools(parts[0]);
    case "search": return pages.search(parts[0] ?? new URLSearchParams(location.search).get("s") ?? "");
    case "discover": return pages.discover();
    case "audit": return pages.audit(parts);
    case "audit-failure-detection": return pages.detections(parts);
    case "audit-recovery": return pages.recoveries(parts);
    case "audit-recovery-steps": return pages.steps(parts[0]);
    case "status": return pages.status();
    default: return pages.about();
  }
}

function bar() {
  const link = (label, ...to) => h("a", { href: page(...to), class: where[0] === to[0] ? "here" : "" }, label);
  const find = h("input", { placeholder: "find a server", "aria-label": "find a server", name: "s" });
  document.getElementById("bar").append(
    h("a", { class: "mark", href: page("clusters") }, h("img", { src: `${root}/images/orch.svg`, alt: "" }), "orch"),
    link("clusters", "clusters"), link("analysis", "clusters-analysis"), link("recoveries", "audit-recovery"),
    link("detections", "audit-failure-detection"), link("audit", "audit"), link("discover", "discover"), link("status", "status"),
    h("span", { class: "rest" },
      h("form", { action: page("search"), onsubmit: (event) => {
        event.preventDefault();
        if (find.value.trim()) location.href = page("search", find.value.trim());
      } }, find),
      h("span", { class: "who" }, [user, mayWrite ? "" : "read-only"].filter(Boolean).join(", "))));
}

async function fill() {
  const place = document.getElementById("page");
  try {
    place.replaceChildren(...(await content()).flat(3).filter(Boolean));
  } catch (problem) {
    if (!place.hasChildNodes() || place.querySelector("noscript")) place.replaceChildren();
    alert(problem.message);
  }
}

bar();
if (document.body.dataset.message) alert(document.body.dataset.message, "info");
await fill();
const heading = document.querySelector("h1");
if (heading) document.title = `${heading.textContent.trim()} – orch`;
if (kLive.includes(where[0])) {
  window.setInterval(() => {
    if (!document.hidden && !document.querySelector("dialog")) fill();
  }, kRefreshSeconds * 1000);
}

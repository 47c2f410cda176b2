// All other pages: each returns what it consists of.

import { act, alert, badge, clusterLink, facts, h, instanceLink, isKey, keyText, mayWrite, page, path, read, severity, shown,
  soft, table, verdicts } from "./ui.js";
import { rowsOf, serverRows } from "./topology.js";

const again = (done) => done && location.reload();

function counted(codes) {
  const counts = new Map();
  for (const code of codes) counts.set(code, (counts.get(code) ?? 0) + 1);
  return [...counts].map(([code, count]) => (count > 1 ? `${code.replaceAll("_", " ")} ×${count}` : code.replaceAll("_", " ")));
}

const worstOf = (entries) => ["bad", "warn", "quiet"].find((kind) => entries.some((e) => severity(e) === kind)) ?? "good";

export async function clusters() {
  const [infos, analysis, problems] = await Promise.all([read("clusters-info"), read("replication-analysis"), read("problems")]);
  const wrong = (info) => analysis.filter((e) => e.ClusterDetails.ClusterName === info.ClusterName && verdicts(e).length);
  const rank = { bad: 0, warn: 1, quiet: 2, good: 3 };
  const cards = infos.map((info) => [info, wrong(info), problems.filter((s) => s.ClusterName === info.ClusterName)])
    .sort((a, b) => rank[worstOf(a[1])] - rank[worstOf(b[1])] || b[0].CountInstances - a[0].CountInstances);
  return [
    h("h1", {}, "Clusters"),
    cards.length === 0 && h("p", {}, "No clusters are known. ", h("a", { href: page("discover") }, "Name a server"), " to begin with."),
    h("div", { class: "cards" }, cards.map(([info, entries, troubled]) =>
      h("div", { class: `card ${worstOf(entries)}` },
        h("h3", {}, clusterLink(info.ClusterName, info.ClusterAlias)),
        h("div", { class: "soft small" }, `${info.ClusterName}, ${info.CountInstances} servers`),
        h("div", { class: "badges" },
          entries.map((e) => badge(`${verdicts(e).join(", ")} ${shown(e.AnalyzedInstanceKey)}`, severity(e), e.Description)),
          counted(troubled.flatMap((s) => s.Problems ?? [])).map((line) => badge(line, "warn")),
          entries.length + troubled.length === 0 && badge("no problem", "good"),
          badge(info.HasAutomatedMasterRecovery ? "recovers by itself" : "no automatic recovery", info.HasAutomatedMasterRecovery ? "info" : "quiet"))))),
  ];
}

export async function analysis() {
  const [entries, blocked] = await Promise.all([read("replication-analysis"), read("blocked-recoveries")]);
  const wrong = entries.filter((e) => verdicts(e).length)
    .sort((a, b) => Number(a.IsDowntimed) - Number(b.IsDowntimed) || a.ClusterDetails.ClusterName.localeCompare(b.ClusterDetails.ClusterName));
  return [
    h("h1", {}, "Failure analysis"),
    blocked.map((b) => h("div", { class: "alert warn" }, h("span", {}, `${b.Analysis} of ${keyText(b.FailedInstanceKey)} in ${b.ClusterName}: blocked by `,
      h("a", { href: page("audit-recovery", "id", b.BlockingRecoveryId) }, `recovery ${b.BlockingRecoveryId}`)))),
    table(["cluster", "server", "what is wrong", "replicas", ""], wrong.map((e) => [
      clusterLink(e.ClusterDetails.ClusterName, e.ClusterDetails.ClusterAlias), instanceLink(e.AnalyzedInstanceKey),
      [verdicts(e).map((code) => badge(code, severity(e))), " ", e.Description || ""],
      `${e.CountValidReplicatingReplicas} of ${e.CountReplicas} replicate`,
      e.IsDowntimed ? `downtime until ${e.DowntimeEndTimestamp}` : "",
    ]), "Nothing is wrong: no failure, no warning about any cluster's structure."),
  ];
}

export async function search(text) {
  const found = await read("search", { s: text });
  return [h("h1", {}, `Servers that match “${text}”`),
    found.length ? serverRows(found.map((s) => [s, ""]), found, await read("maintenance")) : h("p", {}, "No server matches."),
    found.length > 0 && h("p", {}, "Clusters: ", [...new Set(found.map((s) => s.ClusterName))].map((name) => [clusterLink(name), " "]))];
}

export async function discover() {
  const host = h("input", { class: "field", placeholder: "host", "aria-label": "host", required: true });
  const port = h("input", { class: "field", value: "3306", "aria-label": "port", inputmode: "numeric" });
  const go = async (event) => {
    event.preventDefault();
    if (await act("", `discover/${path(host.value.trim(), port.value.trim())}`)) location.href = page("search", host.value.trim());
  };
  return [h("h1", {}, "Discover"),
    h("p", {}, "Name one server; all that replicate from it, and all that it replicates from, are found."),
    mayWrite ? h("form", { class: "row", onsubmit: go }, host, port, h("button", { class: "main" }, "discover")) : soft("Only whoever may write may do that.")];
}

function pager(number, more, ...prefix) {
  const to = (n, label) => h("a", { href: page(...prefix, n) }, label);
  return h("p", { class: "row" }, number > 0 && to(number - 1, "newer"), soft(`page ${number + 1}`), more && to(number + 1, "older"));
}

const kPage = 20;
const numberOf = (text) => (/^\d+$/.test(text ?? "") ? Number(text) : 0);

export async function audit(parts) {
  const one = parts[0] === "instance";
  const prefix = one ? ["audit", ...parts.slice(0, 3)] : ["audit"];
  const number = numberOf(parts[one ? 3 : 0]);
  const entries = await read(path(...prefix, number));
  return [h("h1", {}, one ? `Audit of ${parts[1]}:${parts[2]}` : "Audit"),
    table(["time", "what", "server", "message"], entries.map((e) => [e.AuditTimestamp, e.AuditType,
      isKey(e.AuditInstanceKey) ? h("a", { href: page("audit", "instance", e.AuditInstanceKey.Hostname, e.AuditInstanceKey.Port) }, shown(e.AuditInstanceKey)) : "",
      e.Message])),
    pager(number, entries.length >= kPage, ...prefix)];
}

/** How a list is narrowed down, by the segments behind its name, and which page of it. */
function narrowed(name, parts) {
  const by = ["id", "uid", "alias", "cluster"].includes(parts[0]) ? parts.slice(0, 2) : [];
  const single = by[0] === "id" || by[0] === "uid";
  return { prefix: [name, ...by], single, number: numberOf(parts[by.length]) };
}

export async function detections(parts) {
  const { prefix, single, number } = narrowed("audit-failure-detection", parts);
  const entries = await read(path(...prefix, ...(single ? [] : [number])));
  return [h("h1", {}, "Failure detections"),
    table(["time", "what", "server", "cluster", "replicas"], entries.map((d) => [d.RecoveryStartTimestamp,
      h("a", { href: page("audit-failure-detection", "id", d.Id) }, d.AnalysisEntry.Analysis), instanceLink(d.AnalysisEntry.AnalyzedInstanceKey),
      clusterLink(d.AnalysisEntry.ClusterDetails.ClusterName, d.AnalysisEntry.ClusterDetails.ClusterAlias),
      single ? d.AnalysisEntry.Replicas.map(keyText).join(", ") : String(d.AnalysisEntry.CountReplicas)])),
    !single && pager(number, entries.length >= kPage, ...prefix)];
}

const outcome = (r) => (r.IsSuccessful ? instanceLink(r.SuccessorKey) : r.RecoveryEndTimestamp ? badge("failed", "bad") : badge("under way", "info"));

function acknowledgement(r) {
  if (r.Acknowledged) return soft(`${r.AcknowledgedBy}, ${r.AcknowledgedAt}: ${r.AcknowledgedComment}`);
  if (!mayWrite) return soft("not acknowledged");
  return h("button", { onclick: async () => {
    const comment = window.prompt("Acknowledge this recovery: what is to be remembered of it?");
    if (comment === null) return;
    if (!comment.trim()) return alert("a comment is needed");
    again(await act("", `ack-recovery/${path(r.Id)}`, { comment }));
  } }, "acknowledge");
}

async function oneRecovery(r) {
  const steps = await read(`audit-recovery-steps/${path(r.UID)}`);
  const entry = r.AnalysisEntry;
  const keys = (list) => (list ?? []).map(keyText).join(", ");
  return [h("h1", {}, `${entry.Analysis} of ${shown(entry.AnalyzedInstanceKey)}`),
    facts([["cluster", clusterLink(entry.ClusterDetails.ClusterName, entry.ClusterDetails.ClusterAlias)], ["successor", outcome(r)],
      ["began", r.RecoveryStartTimestamp], ["ended", r.RecoveryEndTimestamp || "not yet"], ["by", r.ProcessingNodeHostname],
      ["replicas", keys(entry.Replicas)], ["took part", keys(r.ParticipatingInstanceKeys)], ["lost replicas", keys(r.LostReplicas)],
      ["errors", (r.AllErrors ?? []).filter(Boolean).map((e) => h("div", { class: "bad" }, e))],
      ["detection", r.LastDetectionId ? h("a", { href: page("audit-failure-detection", "id", r.LastDetectionId) }, String(r.LastDetectionId)) : ""],
      ["acknowledged", acknowledgement(r)]]),
    h("h2", {}, "Steps"),
    table(["time", "what was done"], steps.map((s) => [s.AuditAt, s.Message]), "no steps were written down")];
}

export async function recoveries(parts) {
  const { prefix, single, number } = narrowed("audit-recovery", parts);
  const entries = await read(path(...prefix, ...(single ? [] : [number])));
  if (single) return entries.length ? oneRecovery(entries[0]) : [h("h1", {}, "Recovery"), h("p", {}, "There is no such recovery.")];
  return [h("h1", {}, "Recoveries"),
    table(["began", "what", "server", "cluster", "successor", "ended", "acknowledged"], entries.map((r) => [r.RecoveryStartTimestamp,
      h("a", { href: page("audit-recovery", "uid", r.UID) }, r.AnalysisEntry.Analysis), instanceLink(r.AnalysisEntry.AnalyzedInstanceKey),
      clusterLink(r.AnalysisEntry.ClusterDetails.ClusterName, r.AnalysisEntry.ClusterDetails.ClusterAlias), outcome(r), r.RecoveryEndTimestamp, acknowledgement(r)])),
    pager(number, entries.length >= kPage, ...prefix)];
}

export const steps = async (uid) => recoveries(["uid", uid]);

export async function pools(cluster) {
  const all = Object.entries(await read(`cluster-pool-instances/${path(cluster)}`));
  return [h("h1", {}, `Pools of ${cluster}`),
    table(["pool", "servers"], all.map(([pool, members]) => [pool, members.map((m) => [instanceLink(m.Key ?? m), " "])]), "This cluster has no pools.")];
}

export async function status() {
  let health;
  try {
    health = await read("health");
  } catch (problem) {
    return [h("h1", {}, "Status"), h("div", { class: "alert bad" }, problem.message)];
  }
  const button = (label, call, question) => h("button", { onclick: async () => again(await act(question, call)) }, label);
  const recovers = await read("check-global-recoveries").catch(() => "unknown");
  return [h("h1", {}, "Status"),
    facts([["this node", health.Hostname], ["leads", health.IsActiveNode ? "yes" : "no"], ["leader", health.ActiveNode.Hostname],
      ["automatic recoveries", String(recovers)], ["you", `${document.body.dataset.user || "no name"}, ${mayWrite ? "may write" : "may read"}`],
      ["version", document.body.dataset.version]]),
    h("h2", {}, "Nodes"),
    table(["host", "since", "backend", "version", ""], (health.AvailableNodes ?? []).map((n) => [n.Hostname, n.FirstSeenActive, n.DBBackend, n.AppVersion,
      [n.Hostname === health.ActiveNode.Hostname && n.Token === health.ActiveNode.Token && badge("leads", "good"), n.Token === health.Token && badge("this node", "info")]])),
    mayWrite && h("div", { class: "row" },
      button("read the configuration again", "reload-configuration"),
      button("forget resolved host names", "reset-hostname-resolve-cache"),
      button("elect again", "reelect", "Let the nodes elect a leader again?"),
      recovers === "disabled" ? button("switch automatic recoveries on", "enable-global-recoveries", "Switch automatic recoveries on?")
        : button("switch automatic recoveries off", "disable-global-recoveries", "Switch automatic recoveries off, on all nodes?"))];
}

export async function about() {
  return [h("h1", {}, "orch"),
    h("p", {}, "It watches MySQL and MariaDB replication, puts a replica in a dead master's place, and changes topologies safely."),
    h("p", {}, `Version ${document.body.dataset.version}. All that these pages show comes from the HTTP API below `, h("code", {}, "/api/"), ".")];
}

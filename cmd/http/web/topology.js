// One cluster as a tree, and what can be done with one server.

import { act, alert, badge, facts, h, isKey, keyPath, keyText, mayWrite, page, path, read, severity, shown, soft, time,
  user, verdicts } from "./ui.js";

const text = (key) => (isKey(key) ? keyText(key) : "");

/** The colour of a server, and why. */
export function stateOf(server) {
  if (!server.IsLastCheckValid) return ["dead", "does not answer"];
  if (!server.IsRecentlyChecked) return ["quiet", "was not looked at lately"];
  if (isKey(server.MasterKey) && !(server.Slave_IO_Running && server.Slave_SQL_Running)) return ["bad", "does not replicate"];
  if ((server.Problems ?? []).length) return ["warn", server.Problems.join(", ")];
  return ["good", "is well"];
}

function lagOf(server) {
  if (!server.IsLastCheckValid) return `seen ${time(server.SecondsSinceLastSeen.Int64)} ago`;
  if (!isKey(server.MasterKey)) return "";
  return server.ReplicationLagSeconds.Valid ? `${time(server.ReplicationLagSeconds.Int64)} lag` : "lag unknown";
}

function marks(server, maintained) {
  const gtid = server.SupportsOracleGTID || server.UsingOracleGTID || server.UsingMariaDBGTID;
  return [
    !server.ReadOnly && server.IsLastCheckValid && badge("writable", isKey(server.MasterKey) && !server.IsCoMaster ? "warn" : "info"),
    server.IsCoMaster && badge("co-master", "info"),
    gtid && badge("GTID"),
    server.GtidErrant && badge("errant GTID", "bad", server.GtidErrant),
    server.HasReplicationFilters && badge("filters", "warn"),
    server.SemiSyncMasterStatus && badge("semi-sync source"),
    server.SemiSyncReplicaStatus && badge("semi-sync"),
    server.ReplicationGroupName && badge(`${server.ReplicationGroupMemberRole} ${server.ReplicationGroupMemberState}`.toLowerCase(), "info"),
    server.LogBinEnabled && !server.LogSlaveUpdatesEnabled && isKey(server.MasterKey) && badge("logs no updates", "quiet"),
    server.PromotionRule && !["neutral", ""].includes(server.PromotionRule) && badge(server.PromotionRule, "info"),
    server.IsDetachedMaster && badge("detached", "warn"),
    server.IsDowntimed && badge("downtime", "quiet", `${server.DowntimeOwner}: ${server.DowntimeReason}, until ${server.DowntimeEndTimestamp}`),
    maintained && badge("maintenance", "warn", `${maintained.Owner}: ${maintained.Reason}`),
    ...(server.Problems ?? []).map((problem) => badge(problem.replaceAll("_", " "), "warn")),
  ];
}

/** Depth first, each with the strokes that join it to its source. Rings and orphans come out, too. */
export function rowsOf(servers) {
  const byKey = new Map(servers.map((s) => [keyText(s.Key), s]));
  const order = (a, b) => keyText(a.Key).localeCompare(keyText(b.Key), undefined, { numeric: true });
  const parentOf = (s) => {
    const primary = text(s.ReplicationGroupPrimaryInstanceKey);
    if (primary && primary !== keyText(s.Key) && byKey.has(primary)) return primary;
    return byKey.has(text(s.MasterKey)) ? text(s.MasterKey) : "";
  };
  const below = new Map();
  for (const server of [...servers].sort(order)) {
    const parent = server.IsCoMaster ? "" : parentOf(server);
    below.set(parent, [...(below.get(parent) ?? []), server]);
  }
  const rows = [];
  const seen = new Set();
  const walk = (server, lead, joint) => {
    if (seen.has(keyText(server.Key))) return;
    seen.add(keyText(server.Key));
    rows.push([server, lead + joint]);
    const children = below.get(keyText(server.Key)) ?? [];
    const further = lead + (joint === "" ? "" : joint.startsWith("└") ? "   " : "│  ");
    children.forEach((child, i) => walk(child, further, i === children.length - 1 ? "└─ " : "├─ "));
  };
  for (const server of below.get("") ?? []) walk(server, "", "");
  for (const server of [...servers].sort(order)) walk(server, "", "");
  return rows;
}

const again = (done) => done && location.reload();

function button(label, kind, work) {
  const made = h("button", { class: kind, onclick: async () => {
    made.disabled = true;
    again(await work());
    made.disabled = false;
  } }, label);
  return made;
}

function chooser(label, candidates, work) {
  const select = h("select", { "aria-label": label }, candidates.map((s) => h("option", { value: keyPath(s.Key) }, shown(s.Key))));
  return h("div", { class: "row" }, h("span", {}, label), select,
    button("go", "", () => work(select.value, select.selectedOptions[0]?.textContent)));
}

/** The plan first: what a takeover or failover would do, as the service says it. */
async function showPlan(dialog, verb, server, target, targetName) {
  const to = target ? `/${target}` : "";
  let plan;
  try {
    plan = await read(`explain-${verb}/${keyPath(server.Key)}${to}`);
  } catch (problem) {
    alert(problem.message);
    dialog.close();
    return;
  }
  const call = verb === "failover" ? `force-master-failover/${keyPath(server.Key)}`
    : `graceful-master-takeover-auto/${keyPath(server.Key)}${to}`;
  dialog.replaceChildren(
    h("h1", {}, verb === "failover" ? `Replace ${shown(server.Key)} now` : `Hand over from ${shown(server.Key)}${targetName ? ` to ${targetName}` : ""}`),
    h("p", { class: "soft" }, "This is what would be done. Nothing has been changed so far; the servers are looked at again when it begins."),
    h("pre", {}, plan),
    h("div", { class: "row" },
      button("do it", "danger", () => act(`Really ${verb === "failover" ? "fail over" : "take over"}: ${shown(server.Key)}?`, call)),
      h("button", { onclick: () => dialog.close() }, "leave it")));
}

function actions(dialog, server, servers, maintained) {
  const key = keyPath(server.Key);
  const name = shown(server.Key);
  const replica = isKey(server.MasterKey);
  const others = servers.filter((s) => s !== server && s.IsLastCheckValid);
  const replicas = servers.filter((s) => text(s.MasterKey) === keyText(server.Key) && s.IsLastCheckValid);
  const simple = (label, call, question, kind = "") => button(label, kind, () => act(question, `${call}/${key}`));
  const owner = h("input", { class: "field", placeholder: "who", value: user, "aria-label": "who" });
  const reason = h("input", { class: "field", placeholder: "why", "aria-label": "why" });
  const lasting = h("select", { "aria-label": "how long" }, ["10m", "30m", "1h", "4h", "1d", "2d", "7d"].map((d) => h("option", {}, d)));
  const signed = (call, ...more) => {
    if (!owner.value.trim() || !reason.value.trim()) {
      alert("say who and why");
      return false;
    }
    return act("", `${call}/${key}/${path(owner.value, reason.value, ...more)}`);
  };
  return [
    h("h2", {}, "Actions"),
    h("div", { class: "row" },
      simple("look at it now", "refresh"),
      replica && (server.Slave_SQL_Running ? simple("stop replication", "stop-replica", `Stop replication on ${name}?`)
        : simple("start replication", "start-replica")),
      server.ReadOnly ? simple("make writable", "set-writeable", `Let ${name} take writes?`, "danger")
        : simple("make read-only", "set-read-only", `Make ${name} read-only?`, "danger"),
      simple("forget", "forget", `Forget ${name}? It comes back when it is seen again.`, "danger"),
      !server.IsLastCheckValid && replicas.length > 0 && simple("recover", "recover", `Recover ${name}?`, "danger")),
    replica && others.length > 0 && chooser("move it below", others, (to, toName) => act(`Move ${name} below ${toName}?`, `relocate/${key}/${to}`)),
    replicas.length > 0 && others.length > 0 &&
      chooser("move its replicas below", others, (to, toName) => act(`Move the replicas of ${name} below ${toName}?`, `relocate-replicas/${key}/${to}`)),
    !replica && replicas.length > 0 && server.IsLastCheckValid &&
      chooser("hand over to", replicas, (to, toName) => showPlan(dialog, "takeover", server, to, toName).then(() => false)),
    !replica && h("div", { class: "row" }, h("button", { onclick: () => showPlan(dialog, "failover", server) }, "failover: show the plan")),
    h("div", { class: "row" }, owner, reason, lasting,
      server.IsDowntimed ? simple("end downtime", "end-downtime") : button("begin downtime", "", () => signed("begin-downtime", lasting.value)),
      maintained ? simple("end maintenance", "end-maintenance") : button("begin maintenance", "", () => signed("begin-maintenance"))),
  ];
}

function openServer(server, servers, maintained) {
  const [kind, why] = stateOf(server);
  const dialog = h("dialog", { onclose: () => dialog.remove() });
  dialog.append(
    h("h1", {}, h("span", { class: `dot ${kind}` }), " ", shown(server.Key)),
    h("p", { class: "soft" }, why),
    facts([
      ["master", text(server.MasterKey)], ["replication", isKey(server.MasterKey) ? lagOf(server) : ""],
      ["last SQL error", server.LastSQLError], ["last IO error", server.LastIOError],
      ["version", `${server.Version} ${server.FlavorName ?? ""}`], ["server id", String(server.ServerID)], ["UUID", server.ServerUUID],
      ["read only", String(server.ReadOnly)], ["binary log", server.LogBinEnabled ? `${server.Binlog_format} ${server.BinlogRowImage ?? ""}` : "off"],
      ["executed GTID", h("span", { class: "mono" }, server.ExecutedGtidSet ?? "")], ["errant GTID", server.GtidErrant],
      ["own coordinates", `${server.SelfBinlogCoordinates.LogFile}:${server.SelfBinlogCoordinates.LogPos}`],
      ["replicas", String(server.Replicas.length)], ["data center", server.DataCenter], ["region", server.Region],
      ["last seen", `${server.LastSeenTimestamp} (${time(server.SecondsSinceLastSeen.Int64)} ago)`],
      ["downtime", server.IsDowntimed ? `${server.DowntimeOwner}: ${server.DowntimeReason}, until ${server.DowntimeEndTimestamp}` : ""],
      ["audit", h("a", { href: page("audit", "instance", server.Key.Hostname, server.Key.Port) }, "what was done with it")],
    ]),
    ...(mayWrite ? actions(dialog, server, servers, maintained) : []).flat().filter(Boolean),
    h("div", { class: "row" }, h("button", { onclick: () => dialog.close() }, "close")));
  document.body.append(dialog);
  dialog.showModal();
}

/** The rows of servers; a click opens one. */
export function serverRows(rows, servers, maintenance) {
  const maintained = new Map(maintenance.map((m) => [keyText(m.Key), m]));
  return h("div", { class: "tree" }, rows.map(([server, joint]) => {
    const [kind, why] = stateOf(server);
    const its = maintained.get(keyText(server.Key));
    return h("button", { class: "node", onclick: () => openServer(server, servers, its) },
      h("span", { class: "left" }, h("span", { class: "joint" }, joint), h("span", { class: `dot ${kind}`, title: why }),
        h("b", {}, server.InstanceAlias || shown(server.Key))),
      h("span", { class: "lag soft" }, lagOf(server)), h("span", { class: "soft" }, server.Version),
      server.DataCenter && soft(server.DataCenter), marks(server, its));
  }));
}

export async function topologyPage(hint) {
  const [servers, info, analysis, maintenance] = await Promise.all([
    read(`cluster/${path(hint)}`), read(`cluster-info/${path(hint)}`), read("replication-analysis"), read("maintenance")]);
  if (servers.length === 0) return [h("h1", {}, hint), h("p", {}, "This cluster has no servers.")];
  const name = info.ClusterName;
  const [busy, blocked] = await Promise.all([
    read(`active-cluster-recovery/${path(name)}`), read(`blocked-recoveries/cluster/${path(name)}`)]);
  const wrong = analysis.filter((entry) => entry.ClusterDetails.ClusterName === name && verdicts(entry).length);
  return [
    h("h1", {}, info.ClusterAlias || name),
    h("p", { class: "soft" }, `${name}, ${servers.length} servers`, info.ClusterDomain ? `, ${info.ClusterDomain}` : ""),
    h("div", { class: "badges" },
      badge(info.HasAutomatedMasterRecovery ? "masters recover by themselves" : "masters are not recovered", info.HasAutomatedMasterRecovery ? "good" : "quiet"),
      badge(info.HasAutomatedIntermediateMasterRecovery ? "intermediate masters recover by themselves" : "intermediate masters are not recovered",
        info.HasAutomatedIntermediateMasterRecovery ? "good" : "quiet")),
    busy.map((r) => h("div", { class: "alert warn" }, h("span", {}, "a recovery is in its active period: ",
      h("a", { href: page("audit-recovery", "uid", r.UID) }, r.AnalysisEntry.Analysis)))),
    blocked.map((b) => h("div", { class: "alert warn" }, h("span", {}, `${b.Analysis} of ${keyText(b.FailedInstanceKey)} is blocked by `,
      h("a", { href: page("audit-recovery", "id", b.BlockingRecoveryId) }, `recovery ${b.BlockingRecoveryId}`)))),
    wrong.map((entry) => h("div", { class: `alert ${severity(entry)}` },
      h("span", {}, h("b", {}, verdicts(entry).join(", ")), ` ${shown(entry.AnalyzedInstanceKey)}: ${entry.Description || ""}`,
        entry.IsDowntimed ? ` (downtime until ${entry.DowntimeEndTimestamp})` : ""))),
    h("h2", {}, "Topology"),
    serverRows(rowsOf(servers), servers, maintenance),
    h("p", { class: "row" },
      h("a", { href: page("audit-recovery", "alias", info.ClusterAlias || name) }, "recoveries"),
      h("a", { href: page("audit-failure-detection", "alias", info.ClusterAlias || name) }, "detections"),
      h("a", { href: page("cluster-pools", name) }, "pools")),
  ];
}

"""The API's objects, field by field, on a running service; and every route answers as the contract says."""
import json
import re
import socket
import unittest

from live_case import TREE, LiveCase
from service_case import Service

KEY = {"Hostname": str, "Port": int}
INT64, BOOL = {"Int64": int, "Valid": bool}, {"Bool": bool, "Valid": bool}
BINLOG = {"LogFile": str, "LogPos": int, "Type": int}


def fields(**by_type):
    """strings="A B", ints="C" -> {"A": str, "B": str, "C": int}"""
    types = {"strings": str, "ints": int, "bools": bool, "keys": KEY, "key_lists": [KEY], "binlogs": BINLOG,
             "numbers": float, "int64s": INT64, "nullable_bools": BOOL, "string_lists": [str], "objects": dict}
    return {name: types[kind] for kind, names in by_type.items() for name in names.split()}


INSTANCE = fields(
    keys="Key MasterKey ReplicationGroupPrimaryInstanceKey",
    strings="InstanceAlias ServerUUID Version VersionComment FlavorName Binlog_format BinlogRowImage MasterUUID AncestryUUID "
            "GTIDMode LastSQLError LastIOError ExecutedGtidSet GtidPurged GtidErrant ClusterName SuggestedClusterAlias "
            "DataCenter Region PhysicalEnvironment LastSeenTimestamp PromotionRule DowntimeReason DowntimeOwner "
            "DowntimeEndTimestamp UnresolvedHostname ReplicationSSLCAFile ReplicationSSLCAPath ReplicationSSLCert "
            "ReplicationSSLCipher ReplicationSSLCRLFile ReplicationSSLCRLPath ReplicationSSLKey ReplicationTLSVersion "
            "ReplicationTLSCiphersuites ReplicationSourcePublicKeyPath ReplicationGroupName ReplicationGroupMemberState "
            "ReplicationGroupMemberRole",
    ints="Uptime ServerID ReplicationSQLThreadState ReplicationIOThreadState SQLDelay ReplicationDepth SemiSyncPriority "
         "SemiSyncMasterTimeout SemiSyncMasterWaitForReplicaCount SemiSyncMasterClients CountMySQLSnapshots ElapsedDowntime "
         "LastDiscoveryLatency",
    bools="ReadOnly LogBinEnabled LogSlaveUpdatesEnabled LogReplicationUpdatesEnabled IsDetachedMaster Slave_SQL_Running "
          "ReplicationSQLThreadRuning Slave_IO_Running ReplicationIOThreadRuning HasReplicationFilters SupportsOracleGTID "
          "UsingOracleGTID UsingMariaDBGTID UsingPseudoGTID IsDetached IsCoMaster HasReplicationCredentials "
          "ReplicationCredentialsAvailable SemiSyncAvailable SemiSyncMasterPluginNewVersion SemiSyncReplicaPluginNewVersion "
          "SemiSyncMasterEnabled SemiSyncReplicaEnabled SemiSyncMasterStatus SemiSyncReplicaStatus IsLastCheckValid IsUpToDate "
          "IsRecentlyChecked IsCandidate IsDowntimed AllowTLS ReplicationGroupIsSinglePrimary",
    binlogs="SelfBinlogCoordinates ReadBinlogCoordinates ExecBinlogCoordinates RelaylogCoordinates",
    int64s="SecondsBehindMaster SlaveLagSeconds ReplicationLagSeconds SecondsSinceLastSeen",
    nullable_bools="ReplicationSSLVerifyServerCert ReplicationGetSourcePublicKey",
    key_lists="SlaveHosts Replicas ReplicationGroupMembers", string_lists="Problems", objects="QSP")
CLUSTER = fields(strings="ClusterName ClusterAlias ClusterDomain", ints="CountInstances HeuristicLag",
                 bools="HasAutomatedMasterRecovery HasAutomatedIntermediateMasterRecovery")
ANALYSIS = {
    "ClusterDetails": CLUSTER, "StructureAnalysis": ([str], None),
    **fields(keys="AnalyzedInstanceKey AnalyzedInstanceMasterKey", binlogs="AnalyzedInstanceBinlogCoordinates",
             key_lists="Replicas SlaveHosts",
             strings="AnalyzedInstanceDataCenter AnalyzedInstanceRegion AnalyzedInstancePhysicalEnvironment Analysis Description "
                     "DowntimeEndTimestamp ProcessingNodeHostname ProcessingNodeToken StartActivePeriod GTIDMode "
                     "MinReplicaGTIDMode MaxReplicaGTIDMode MaxReplicaGTIDErrant CommandHint",
             ints="CountReplicas CountValidReplicas CountValidReplicatingReplicas CountReplicasFailingToConnectToMaster "
                  "CountDowntimedReplicas ReplicationDepth DowntimeRemainingSeconds SemiSyncMasterWaitForReplicaCount "
                  "SemiSyncMasterClients CountSemiSyncReplicasEnabled CountLoggingReplicas CountStatementBasedLoggingReplicas "
                  "CountMixedBasedLoggingReplicas CountRowBasedLoggingReplicas CountDistinctMajorVersionsLoggingReplicas "
                  "CountDelayedReplicas CountLaggingReplicas CountAdditionalAgreeingNodes",
             bools="IsMaster IsReplicationGroupMember IsCoMaster LastCheckValid LastCheckPartialSuccess "
                   "IsFailingToConnectToMaster IsDowntimed IsReplicasDowntimed IsBinlogServer PseudoGTIDImmediateTopology "
                   "OracleGTIDImmediateTopology MariaDBGTIDImmediateTopology BinlogServerImmediateTopology "
                   "SemiSyncMasterEnabled SemiSyncMasterStatus IsActionableRecovery SkippableDueToDowntime IsReadOnly")}
RECOVERY = {
    "AnalysisEntry": ANALYSIS, "SuccessorKey": (KEY, None), "SuccessorBinlogCoordinates": (BINLOG, None),
    **fields(ints="Id LastDetectionId RelatedRecoveryId", bools="IsActive IsSuccessful Acknowledged",
             strings="UID SuccessorAlias RecoveryStartTimestamp RecoveryEndTimestamp ProcessingNodeHostname ProcessingNodeToken "
                     "AcknowledgedAt AcknowledgedBy AcknowledgedComment Type RecoveryType",
             key_lists="LostReplicas ParticipatingInstanceKeys", string_lists="AllErrors")}
NODE = fields(strings="Hostname Token AppVersion FirstSeenActive LastSeenActive ExtraInfo Command DBBackend LastReported")
HEALTH = {"ActiveNode": NODE, "AvailableNodes": [NODE], "Error": (str, None), "RaftHealthyMembers": [str],
          **fields(bools="Healthy IsActiveNode IsRaftLeader",
                   strings="Hostname Token RaftLeader RaftLeaderURI RaftAdvertise")}
AUDIT = fields(ints="AuditId", strings="AuditTimestamp AuditType Message", keys="AuditInstanceKey")
STEP = fields(ints="Id", strings="RecoveryUID AuditAt Message")
CANDIDATE = fields(strings="Hostname PromotionRule LastSuggestedString PromotionRuleExpiry", ints="Port")
CHANGELOG = fields(keys="AnalyzedInstanceKey", string_lists="Changelog")
BLOCKED = fields(keys="FailedInstanceKey", strings="ClusterName Analysis LastBlockedTimestamp", ints="BlockingRecoveryId")
FILTERS = fields(string_lists="RecoverMasterClusterFilters RecoverIntermediateMasterClusterFilters "
                              "RecoveryIgnoreHostnameFilters")
MAINTENANCE = fields(ints="MaintenanceId SecondsElapsed", keys="Key", strings="BeginTimestamp Owner Reason", bools="IsActive")


def spread(*names, of=("Max", "Mean", "Median", "P95")):
    return " ".join(kind + name for name in names for kind in of)


DISCOVERY = {"Err": (str, None), **fields(strings="Timestamp Hostname", ints="Port",
                                          numbers="BackendLatencySeconds InstanceLatencySeconds TotalLatencySeconds")}
DISCOVERIES = fields(
    strings="FirstSeen LastSeen",
    ints="CountDistinctInstanceKeys CountDistinctOkInstanceKeys CountDistinctFailedInstanceKeys FailedDiscoveries "
         "SuccessfulDiscoveries",
    numbers=spread("TotalSeconds", "BackendSeconds", "InstanceSeconds",
                   of=[failed + kind for failed in ("", "Failed") for kind in ("Max", "Mean", "Median", "P95")]))
QUEUE, QUEUES = fields(ints="Active Queued"), fields(numbers=spread(*(kind + "Entries" for kind in (
    "Min", "Mean", "Median", "P95", "Max")), of=("Active", "Queued")))
QUERIES = fields(ints="Count", numbers=spread("LatencySeconds", "WaitSeconds"))
WRITES = fields(ints="InstanceWriteBufferSize InstanceFlushIntervalMilliseconds CountInstances",
                numbers=spread("Instances", "WaitSeconds", "WriteSeconds"))

# path -> the shape of what it answers; of an envelope's details after "E".
SHAPES = {
    "instance/{m}": INSTANCE, "instance-replicas/{m}": [INSTANCE], "all-instances": [INSTANCE], "search?s=3": [INSTANCE],
    "search/127": [INSTANCE], "cluster/{c}": [INSTANCE], "cluster/alias/{c}": [INSTANCE], "cluster/instance/{m}": [INSTANCE],
    "cluster-info/{c}": CLUSTER, "cluster-info/alias/{c}": CLUSTER, "cluster-osc-slaves/{c}": [INSTANCE],
    "clusters": [str], "clusters-info": [CLUSTER], "masters": [INSTANCE], "master/{c}": INSTANCE, "downtimed": [INSTANCE],
    "downtimed/{c}": [INSTANCE], "problems": [INSTANCE], "problems/%25": [INSTANCE], "bulk-instances": [KEY], "tags/{m}": [str],
    "tag-value/{m}?tag=role": str, "tagged?tag=role": [KEY], "tagged/{m}?tag=role": [KEY], "maintenance": [MAINTENANCE],
    "replication-analysis": ("E", [ANALYSIS]), "replication-analysis/{c}": ("E", [ANALYSIS]),
    "replication-analysis/instance/{m}": ("E", [ANALYSIS]), "replication-analysis-changelog": [CHANGELOG],
    "audit-recovery": [RECOVERY], "audit-recovery/0": [RECOVERY], "audit-recovery/alias/{c}": [RECOVERY],
    "audit-recovery/id/1": [RECOVERY], "audit-failure-detection": [RECOVERY], "audit-failure-detection/alias/{c}/0": [RECOVERY],
    "active-cluster-recovery/{c}": [RECOVERY], "recently-active-cluster-recovery/{c}": [RECOVERY],
    "blocked-recoveries": [BLOCKED], "audit": [AUDIT], "audit/instance/{m}": [AUDIT], "health": ("E", HEALTH),
    "status": ("E", HEALTH), "lb-check": str, "_ping": str, "leader-check": str, "routed-leader-check": str, "headers": dict,
    "automated-recovery-filters": ("E", FILTERS), "check-global-recoveries": ("E", str), "topology/{c}": ("E", str),
    "topology/{m}": ("E", str), "topology-tabulated/{c}": ("E", str), "topology-tags/{m}": ("E", str),
    "hostname-resolve-cache": ("E", dict), "in-maintenance/{m}": ("E", str), "can-replicate-from/{r}/{m}": ("E", KEY),
    "can-replicate-from-gtid/{r}/{m}": ("E", KEY), "cluster-pool-instances/{c}": ("E", dict),
    "heuristic-cluster-pool-instances/{c}/": ("E", [INSTANCE]), "discovery-metrics-raw/60": [DISCOVERY],
    "discovery-metrics-aggregated/60": DISCOVERIES, "discovery-queue-metrics-raw/60": [QUEUE],
    "discovery-queue-metrics-aggregated/DEFAULT/60": QUEUES, "backend-query-metrics-aggregated/60": QUERIES,
    "write-buffer-metrics-raw/60": [fields(strings="Timestamp", ints="Instances WaitLatency WriteLatency")],
    "backend-query-metrics-raw/60": [{"Err": (str, None), **fields(strings="Timestamp", ints="WaitLatency ExecuteLatency")}],
    "write-buffer-metrics-aggregated/60": WRITES, "explain-takeover/{c}": ("E", str), "explain-failover/{m}": ("E", str),
    "begin-downtime/{r}/me/a%2Fb%0A/10m": ("E", KEY), "end-downtime/{r}": ("E", KEY),
    "begin-maintenance/{r}/me/why": ("E", KEY), "end-maintenance/{r}": ("E", KEY), "register-candidate/{r}/prefer": ("E", KEY),
    "tag/{r}?tag=x=y": ("E", KEY), "untag/{r}?tag=x": ("E", [KEY]), "tag/{r}/a/b": ("E", KEY), "untag-all/a/b": ("E", [KEY]),
    "submit-pool-instances/web?instances={r_text}": ("E", str), "snapshot-topologies": ("E", str),
    "submit-masters-to-kv-stores": ("E", [fields(strings="Key Value")]), "refresh/{m}": ("E", KEY), "discover/{m}": ("E", INSTANCE),
    "async-discover/{m}": ("E", {"Key": KEY}), "stop-replica/{r}": ("E", INSTANCE), "start-slave/{r}": ("E", INSTANCE),
    "delay-replication/{r}/0": ("E", int), "restart-slave-statements/{r}?q=select": ("E", [str]),
    "set-read-only/{r}": ("E", INSTANCE), "disable-global-recoveries": ("E", str), "enable-global-recoveries": ("E", str),
    "ack-all-recoveries?comment=seen": ("E", str), "ack-recovery/cluster/{c}?comment=seen": ("E", str),
    "set-cluster-alias/{name}?alias=shop": ("E", type(None)), "bulk-promotion-rules": [CANDIDATE],
}
NOT_SERVED = ["agents", "seeds", "raft-state", "raft-peers", "match-up/{r}", "match/{r}/{m}", "reload-cluster-alias"]


def differences(value, shape, where="answer"):
    """How a value differs from its shape: missing, extra and differently typed fields."""
    if isinstance(shape, tuple):
        return [] if shape[1] is None and value is None else differences(value, shape[0], where)
    if isinstance(shape, list):
        if not isinstance(value, list):
            return [f"{where}: {value!r} is no list"]
        return [text for i, each in enumerate(value) for text in differences(each, shape[0], f"{where}[{i}]")]
    if isinstance(shape, dict):
        if not isinstance(value, dict):
            return [f"{where}: {value!r} is no object"]
        texts = [f"{where}: {name} is missing" for name in shape.keys() - value.keys()]
        texts += [f"{where}: {name} is not known" for name in value.keys() - shape.keys()]
        return texts + [text for name in shape.keys() & value.keys()
                        for text in differences(value[name], shape[name], f"{where}.{name}")]
    fits = type(value) is shape or (shape is float and type(value) is int)
    return [] if fits else [f"{where}: {value!r} is no {shape.__name__}"]


class Api(LiveCase):
    def setUp(self):
        super().setUp()
        self.config.update(AuditToBackendDB=True)

    def test_every_object_has_the_fields_of_the_contract_and_no_others(self):
        c = self.start(3)
        self.discover(c)
        self.does("tag", c[1], "role=main")
        service = Service(self, self.folder / "serve.log")
        self.addCleanup(lambda: service.process.poll() is None and service.end())
        c.wait_for(service.leads, "the service to lead")
        self.assertEqual(json.loads(service.ask(f"graceful-master-takeover-auto/{c.name}")[1])["Code"], "OK")
        done = json.loads(service.ask(f"graceful-master-takeover/{c.name}/{c[1].host}/{c[1].port}")[1])
        self.assertEqual(differences(done["Details"], RECOVERY), [])
        places = {"m": f"{c[1].host}/{c[1].port}", "r": f"{c[2].host}/{c[2].port}", "r_text": str(c[2]), "c": c.name,
                  "name": str(c[1])}
        c.wait_for(lambda: service.ask("can-replicate-from-gtid/{r}/{m}".format(**places))[0] == 200,
                   "the service to see that the old master replicates by GTID")
        for path, shape in SHAPES.items():
            status, body = service.ask(path.format(**places))
            self.assertEqual(status, 200, f"{path}: {body}")
            value = json.loads(body)
            if isinstance(shape, tuple) and shape[0] == "E":
                self.assertEqual(list(value), ["Code", "Message", "Details"], path)
                self.assertEqual(value["Code"], "OK", f"{path}: {body}")
                value, shape = value["Details"], shape[1]
            else:
                self.assertFalse(isinstance(value, dict) and "Code" in value, f"{path}: {body}")
            self.assertEqual(differences(value, shape), [], path)
        for path in NOT_SERVED:
            status, body = service.ask(path.format(**places))
            self.assertEqual((status, json.loads(body)["Code"]), (500, "ERROR"), path)

    def test_a_discovery_answers_with_what_is_so_now(self):
        c = self.start(3)
        service = Service(self, self.folder / "serve.log")
        self.addCleanup(lambda: service.process.poll() is None and service.end())
        c.wait_for(service.leads, "the service to lead")
        for path in [f"discover/{node.host}/{node.port}" for node in [*reversed(c.nodes), c[1]]]:
            found = service.details(path)
            self.assertEqual([found[name] for name in ("IsLastCheckValid", "IsUpToDate", "IsRecentlyChecked", "Problems")],
                             [True, True, True, []], path)
            self.assertEqual(found["RelaylogCoordinates"]["Type"], 1, path)
        below = [{"Hostname": node.host, "Port": node.port} for node in sorted(c.nodes[1:], key=lambda node: node.port)]
        self.assertEqual([found["Replicas"], found["SlaveHosts"]], [below, below])

    def test_an_alias_that_its_column_cannot_hold_is_refused(self):
        service = Service(self, self.folder / "serve.log")
        self.addCleanup(lambda: service.process.poll() is None and service.end())
        self.start(1).wait_for(service.leads, "the service to lead")
        for cluster, alias in (("db1:3306", 129 * "x"), (129 * "x", "shop"), ("db1:3306", "a%09b")):
            status, body = service.ask(f"set-cluster-alias/{cluster}?alias={alias}")
            self.assertEqual((status, json.loads(body)["Code"]), (500, "ERROR"), body)
        service.details(f"set-cluster-alias/db1:3306?alias={128 * 'x'}")

    def test_metrics_are_in_the_format_of_prometheus_and_name_those_who_wait_behind_silent_servers(self):
        c = self.start(2)
        self.discover(c)
        silent = [socket.create_server(("127.0.0.1", 0)) for _ in range(4)]  # the connection is made, and no more
        for each in silent:
            self.addCleanup(each.close)
        self.config.update(DeadInstanceDiscoveryMaxConcurrency=1,
                           DiscoverySeeds=[f"127.0.0.1:{each.getsockname()[1]}" for each in silent])
        service = Service(self, self.folder / "serve.log")
        self.addCleanup(lambda: service.process.poll() is None and service.end())
        c.wait_for(service.leads, "the service to lead")
        c.wait_for(lambda: 'orch_instances{state="up"} 2' in service.ask("/metrics")[1], "both to be seen")
        text = service.ask("/metrics")[1]
        for line in text.splitlines():
            self.assertRegex(line, r'^(# (HELP|TYPE) \w+ .+|\w+(\{(\w+="[^"]*",?)+\})? [0-9.e+-]+)$')
        names = set(re.findall(r"^# TYPE (\w+)", text, re.M))
        used = set(re.findall(r"\b(orch_\w+|process_\w+)", (TREE / "examples/prometheus-alerts.yml").read_text()))
        used |= set(re.findall(r"\b(orch_\w+?|process_\w+?)(?:_bucket)?\b", (TREE / "examples/grafana-dashboard.json").read_text()))
        self.assertEqual(used - names, set(), "the examples name metrics that there are not")
        service.details(f"begin-downtime/{c[2].host}/{c[2].port}/me/why/10m")
        c.wait_for(lambda: service.json("/debug/metrics")["instance.write"] >= 2, "both to be looked at and written")
        debug = service.json("/debug/metrics")
        self.assertEqual(debug["elect.is_elected"], 1)
        for name in ("audit.write", "instance.read", "instance.read_topology", "instance.write", "discoveries.attempt"):
            self.assertGreater(debug[name], 0, name)
        c.wait_for(lambda: any(moment["Queued"] and moment["Active"] == 1 for moment in
                               service.json("discovery-queue-metrics-raw/DEADINSTANCES/60")), "silent servers in line")
        c.wait_for(lambda: service.json("/debug/metrics")["discoveries.dead_instances_queue_length"], "their number")


if __name__ == "__main__":
    unittest.main()

"""orchestrator's shell client as its users see it: the requests that each of its commands sends, how it judges an answer,
and what it prints. curl asks and jq reads, as there, so that a service that answers what they cannot use is found out.

What a user does not see is left out: the client tries again for some seconds when an answer is no JSON; here that is a
failure at once, as no service that lives may answer so."""
import functools
import subprocess
from urllib.parse import quote

from service_case import ServiceCase

KEYS = ".[].Key | key"
CHANGED_KEYS = ".Details[].Key | key"
PAIR = '(.Details.Key | key) + "<" + (.Details.MasterKey | key)'
SUCCESSOR = ".Details.SuccessorKey | key"
RUNNING = ".ReplicationSQLThreadRuning and .ReplicationIOThreadRuning"
STATES = "select(.ReplicationSQLThreadState == {0} and .ReplicationIOThreadState == {0}) | .Key | key"
CAN = 'select(.Message | contains("true")) | .Details | key'
# A command's path, and what jq prints of the answer. i, d: instance and destination as host/port; ci: the alias, or the
# instance as it was given. What ends with _ is encoded, and then ends with a line break.
COMMANDS = {
    "which-api": None,
    "api": ("{path}", "tojson"),
    "help": None,
    "clusters": ("clusters-info", ".[].ClusterName"),
    "clusters-alias": ("clusters-info", '.[] | .ClusterName + "," + .ClusterAlias'),
    "search": ("search?s={i_}", KEYS),
    "all-instances": ("all-instances", KEYS),
    "instance": ("instance/{i}", ".Key | key"),
    "which-instance": ("instance/{i}", ".Key | key"),
    "which-master": ("instance/{i}", ".MasterKey | key"),
    "which-replicas": ("instance-replicas/{i}", KEYS),
    "which-broken-replicas": ("instance-replicas/{i}", f".[] | select({RUNNING} | not) | "
                              'select(.LastSQLError + .LastIOError != "") | .Key | key'),
    "which-cluster": ("cluster-info/{ci}", ".ClusterName"),
    "which-cluster-alias": ("cluster-info/{ci}", ".ClusterAlias"),
    "which-cluster-master": ("master/{ci}", ".ClusterName"),
    "which-cluster-instances": ("cluster/{ci}", KEYS),
    "all-clusters-masters": ("masters", KEYS),
    "dominant-dc": ("masters", "group_by(.DataCenter) | max_by(length)[0].DataCenter"),
    "which-cluster-osc-replicas": ("cluster-osc-replicas/{ci}", KEYS),
    "which-cluster-osc-running-replicas": ("cluster-osc-replicas/{ci}", f".[] | select({RUNNING}) | .Key | key"),
    "downtimed": ("downtimed/{ci}", KEYS),
    "topology": ("topology/{ci}", ".Details"),
    "topology-tabulated": ("topology-tabulated/{ci}", ".Details"),
    "topology-tags": ("topology-tags/{ci}", ".Details"),
    "is-replicating": ("instance/{i}", STATES.format(1)),
    "is-replication-stopped": ("instance/{i}", STATES.format(0)),
    "which-gtid-errant": ("instance/{i}", ".GtidErrant"),
    "locate-gtid-errant": ("locate-gtid-errant/{i}", ".Details[]"),
    "last-pseudo-gtid": ("last-pseudo-gtid/{i}", ".Details"),
    "can-replicate-from": ("can-replicate-from/{i}/{d}", CAN),
    "can-replicate-from-gtid": ("can-replicate-from-gtid/{i}/{d}", CAN),
    "tags": ("tags/{i}", ".[]"),
    "tag-value": ("tag-value/{i}?tag={tag_}", "."),
    "tagged": ("tagged/{any}?tag={tag_}", ".[] | key"),
    "which-heuristic-cluster-pool-instances": ("heuristic-cluster-pool-instances/{ci}/{pool}", CHANGED_KEYS),
    "replication-analysis": ("replication-analysis", r'.Details[] | (.AnalyzedInstanceKey | key) + " (cluster \(.ClusterDetails'
                             r'.ClusterName)): " + (if .Analysis == "NoProblem" then .StructureAnalysis[0] else .Analysis end)'),
    "check-global-recoveries": ("check-global-recoveries", ".Details"),
    "restart-replica-statements": ("restart-replica-statements/{i}?q={query_}", ".Details | tojson"),
    "raft-leader": ("raft-leader", "."),
    "raft-leader-hostname": ("status", ".Details.Hostname"),
    "raft-health": ("raft-health", "."),
    "discover": ("discover/{i}", ".Details.Key | key"),
    "async-discover": ("async-discover/{i}", ".Details.Key | key"),
    "forget": ("forget/{i}", "empty"),
    "forget-cluster": ("forget-cluster/{ci}", "empty"),
    "snapshot-topologies": ("snapshot-topologies", ".Details"),
    "submit-masters-to-kv-stores": ("submit-masters-to-kv-stores/{alias}", '.Details[] | .Key + ":" + .Value'),
    "tag": ("tag/{i}?tag={tag_}", ".Details | key"),
    "untag": ("untag/{i}?tag={tag}", ".Details[] | key"),
    "untag-all": ("untag-all?tag={tag}", ".Details[] | key"),
    "submit-pool-instances": ("submit-pool-instances/{pool}?instances={i_}", ".Details"),
    "begin-downtime": ("begin-downtime/{i}/{owner_}/{reason_}/{duration}", ".Details | key"),
    "end-downtime": ("end-downtime/{i}", ".Details | key"),
    "begin-maintenance": ("begin-maintenance/{i}/{owner_}/{reason_}", ".Details | key"),
    "end-maintenance": ("end-maintenance/{i}", ".Details | key"),
    "register-candidate": ("register-candidate/{i}/{rule}", ".Details | key"),
    "register-hostname-unresolve": ("register-hostname-unresolve/{i}/{hostname}", ".Details | key"),
    "deregister-hostname-unresolve": ("deregister-hostname-unresolve/{i}", ".Details | key"),
    **{name: (name + "/{i}/{d}", PAIR) for name in ("relocate", "match", "move-below", "move-equivalent", "repoint", "move-gtid")},
    **{name: (name + "/{i}", PAIR) for name in ("match-up", "move-up", "make-co-master", "take-master", "take-siblings")},
    "relocate-replicas": ("relocate-replicas/{i}/{d}", CHANGED_KEYS),
    # It wants instances and gets a key: it ends with 5 also when all went well, and so do the users' scripts expect it.
    "move-replicas-gtid": ("move-replicas-gtid/{i}/{d}", CHANGED_KEYS),
    "match-up-replicas": ("match-up-replicas/{i}/", CHANGED_KEYS),
    "move-up-replicas": ("move-up-replicas/{i}/", CHANGED_KEYS),
    "repoint-replicas": ("repoint-replicas/{i}/", CHANGED_KEYS),
    **{name: (name + "/{i}", ".Details.Key | key") for name in (
        "stop-replica", "stop-replica-nice", "start-replica", "restart-replica", "reset-replica", "change-master-credentials",
        "detach-replica", "reattach-replica", "detach-replica-master-host", "reattach-replica-master-host", "skip-query",
        "gtid-errant-reset-master", "gtid-errant-inject-empty", "enable-semi-sync-master", "disable-semi-sync-master",
        "enable-semi-sync-replica", "disable-semi-sync-replica", "set-read-only", "set-writeable", "flush-binary-logs")},
    "purge-binary-logs": ("purge-binary-logs/{i}/{binlog}", ".Details.Key | key"),
    "delay-replication": ("delay-replication/{i}/{seconds}", ".Details"),
    "recover": ("recover/{i}{to}", ".Details | key"),
    "graceful-master-takeover": ("graceful-master-takeover/{ci}{to}", SUCCESSOR),
    "graceful-master-takeover-auto": ("graceful-master-takeover-auto/{ci}{to}", SUCCESSOR),
    "force-master-failover": ("force-master-failover/{ci}", SUCCESSOR),
    "force-master-takeover": ("force-master-takeover/{ci}/{d}", SUCCESSOR),
    "ack-cluster-recoveries": ("ack-recovery/cluster/{ci}?comment={comment_}", ".Details"),
    "ack-all-recoveries": ("ack-all-recoveries?comment={comment_}", ".Details"),
    "disable-global-recoveries": ("disable-global-recoveries", ".Details"),
    "enable-global-recoveries": ("enable-global-recoveries", ".Details"),
    "raft-elect-leader": ("raft-yield-hint/{hostname}", ".Details"),
}
# What is asked first. A recovery is so, without the one that is wanted as a successor.
BEFORE = {"raft-leader": "raft-state", "raft-leader-hostname": "raft-state", "raft-elect-leader": "raft-state",
          "recover": "recover/{i}"}
# Runs of blanks survive only here.
AS_IS = {"topology", "topology-tabulated", "topology-tags", "snapshot-topologies"}
JUDGE = r"""def key: .Hostname + ":" + (.Port | tostring);
.[0] | {blanks} | if type == "object" and has("Code") and (.Code | contains("ERROR"))
then ({kept} | select(. != null) | tojson), (.Message | gsub("'"; "") | halt_error(1)) else {prints} end"""
TESTED = set()


class Failed(Exception):
    """The client ends here. out: what it has printed."""

    def __init__(self, code, err, out=""):
        super().__init__(err)
        self.code, self.err, self.out = code, err, out


class Answer:
    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out, err
        self.lines = out.splitlines()

    def __str__(self):
        return f"exit code {self.code}\nstdout:\n{self.out}stderr:\n{self.err}"


def run(*words, text=None):
    return subprocess.run(words, input=text, capture_output=True, text=True, timeout=120)


class Client:
    """api: one URL or several, with blanks between them; flags: further ones of curl, for a password or a header."""

    def __init__(self, api, *flags, port=3306):
        self.api, self.flags, self.port = api, flags, port

    def curl(self, *words):
        return run("curl", "-s", *self.flags, *words)

    def probe(self):
        # The client's own passes a password from the environment wrongly, so that it never notices anything.
        if not self.flags and "401 Unauthorized" in run("curl", "-s", "-I", *self.api.split()).stdout:
            raise Failed(1, "the service wants a password")

    def leader(self):
        urls = [url.rstrip("/") for url in self.api.split()]
        urls = [url if url.endswith("/api") else url + "/api" for url in urls]
        if len(urls) == 1:
            return urls[0]
        for check in ("leader-check", "routed-leader-check"):
            for url in urls:
                if self.curl("-m", "1", "-o", "/dev/null", "-w", "%{http_code}", f"{url}/{check}").stdout == "200":
                    return url
        raise Failed(1, "cannot determine leader")

    def call(self, url, prints, is_api=False, as_is=False):
        self.probe()
        asked = self.curl(url)
        program = JUDGE.format(prints=prints, kept="." if is_api else ".Details",
                               blanks="." if as_is else '(tojson | gsub("[ ]+"; " ") | fromjson)')
        read = run("jq", "-rs", program, text=asked.stdout)
        if asked.returncode or "parse error" in read.stderr or not asked.stdout:
            raise Failed(1, f"{url} cannot be read: curl ended with {asked.returncode}: {asked.stdout}{read.stderr}")
        if read.returncode == 1:
            # Quotes without an end are lost on this way.
            raise Failed(1, run("xargs", "echo", text=read.stderr).stdout, "" if read.stdout == "null\n" else read.stdout)
        if read.returncode:
            raise Failed(read.returncode, read.stderr, read.stdout)
        return read.stdout

    def place(self, key):
        host, _, port = str(key).partition(":")
        return f"{host}/{port or self.port}"

    def words(self, given):
        """What is put into a path."""
        words = {"owner": "tester", "reason": "", "duration": "10m", "alias": "", "i": "", "pool": "", **given}
        words = {name: str(value) for name, value in words.items()}
        words["comment"] = words["reason"].split(" ")[0]
        encoded = {f"{name}_": quote(value + "\n", safe="") for name, value in words.items()}
        at = self.place(words["i"]) if words["i"] else ""
        to = self.place(words["d"]) if "d" in words else ""
        return {**words, **encoded, "ci": words["alias"] or words["i"], "i": at, "any": at, "d": to, "to": to and "/" + to}

    def command(self, name, given):
        self.probe()
        base = self.leader()
        if COMMANDS[name] is None:
            return base + "\n" if name == "which-api" else "usage\n"
        path, prints = COMMANDS[name]
        words = self.words(given)
        if name in BEFORE:
            said = self.call(f"{base}/{BEFORE[name].format(**words)}", "." if name != "recover" else prints)
            if BEFORE[name] == "raft-state" and "Leader" not in said:
                raise Failed(1, "not the leader")
        return self.call(f"{base}/{path.format(**words)}", prints, name == "api", name in AS_IS)

    def run(self, name, given):
        try:
            return Answer(0, self.command(name, given), "")
        except Failed as failed:
            return Answer(failed.code, failed.out, failed.err)


def about(*names):
    """Says which commands a test is about; all of them have to be used in it, and well."""
    TESTED.update(names)

    def wrap(test):
        @functools.wraps(test)
        def checked(self):
            test(self)
            self.assertEqual(set(names) - self.went_well, set(), "commands that the test is about and does not use")
        return checked
    return wrap


class AsClient:
    """What a test that uses the client does with it. client: as whom it asks, when nothing else is said."""
    client = None

    def setUp(self):
        super().setUp()
        self.went_well = set()

    def ask(self, name, client=None, **given):
        name = name.replace("slave", "replica", 1)
        done = (client or self.client).run(name, given)
        if done.code == 0:
            self.went_well.add(name)
        return done

    def says(self, name, *lines, **given):
        """A command that goes well, and prints these lines in some order."""
        done = self.ask(name, **given)
        told = f"{name} {given}: {done}"
        self.assertEqual(done.code, 0, told)
        self.assertEqual(sorted(done.lines), sorted(map(str, lines)), told)

    def fails(self, name, saying, out="", **given):
        """A command that must fail, with a message that comes through, and print just that."""
        done = self.ask(name, **given)
        told = f"{name} {given}: {done}"
        self.assertEqual((done.code, done.out), (1, f"{out}\n" if out else ""), told)
        self.assertRegex(done.err, saying, told)
        self.assertNotIn("cannot be read", done.err, told)

    def moves(self, name, node, source, **given):
        """One that ends with the node below the source, also for who asks next."""
        self.says(name, f"{node}<{source}", i=node, **given)
        self.follows(node, source)
        self.says("which-master", source, i=node)

    def is_done_though_unread(self, name, **given):
        """A command that does its work, and then cannot read the answer."""
        done = self.ask(name, **given)
        self.assertEqual((done.code, done.out), (5, ""), f"{name} {given}: {done}")
        self.went_well.add(name)


class ClientCase(AsClient, ServiceCase):
    """Tests that share the servers of their class, and a service; each leaves them as they were.
    stage: the test that they belong to, so to say; c: the servers."""
    NODES, TREE, OPTIONS, CONFIG = 0, "star", {}, {}

    @classmethod
    def setUpClass(cls):
        cls.stage = stage = ServiceCase()
        stage.setUp()
        cls.addClassCleanup(stage.doCleanups)
        cls.c = stage.start(cls.NODES, cls.TREE, **cls.OPTIONS)
        stage.config.update(RecoverMasterClusterFilters=[], RecoverIntermediateMasterClusterFilters=[], **cls.CONFIG)
        cls.before_service()
        stage.discover(cls.c)
        cls.service = stage.serve(cls.c)
        cls.client = Client(cls.service.base)

    @classmethod
    def before_service(cls):
        """May change stage.config."""

    def record(self, node):
        """What the service says about one."""
        return self.service.json(f"instance/{node.host}/{node.port}")

    def hints(self):
        """All that may stand for the cluster."""
        c = self.c
        return [{"alias": c.name}, {"alias": c[1]}, {"i": c[len(c.nodes)]}, {"i": c[1]}]

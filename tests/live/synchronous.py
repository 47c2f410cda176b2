"""Servers that commit together: Galera (MariaDB) and Group Replication (MySQL).

Beside a node's own port P, P+1000 is for the group's traffic and, with Galera, P+2000 for what a node has
missed. Galera's nodes begin as copies of one data directory and remember enough (gcache) for one that comes
back, so that no whole copy has to be made while they run.
"""
import re
import subprocess
import time

BESIDE = {"galera": (1000, 2000), "group": (1000,)}


def options(cluster, node):
    host, port = node.host, node.port
    if cluster.spec["flavor"] == "galera":
        return {
            "read_only": 0, "innodb_autoinc_lock_mode": 2, "wsrep_on": "ON", "wsrep_cluster_name": cluster.name,
            "wsrep_provider": node.software.root / "usr/lib/galera/libgalera_smm.so",
            "wsrep_cluster_address": "gcomm://" + ",".join(f"{n.host}:{n.port + 1000}" for n in cluster.nodes),
            "wsrep_node_name": str(node), "wsrep_node_address": f"{host}:{port + 1000}",
            "wsrep_node_incoming_address": str(node), "wsrep_sst_method": "missing",
            "wsrep_provider_options":
                f"base_host={host};base_port={port + 1000};gmcast.listen_addr=tcp://{host}:{port + 1000};"
                f"ist.recv_addr={host}:{port + 2000};gcache.size=64M;evs.inactive_check_period=PT0.1S;"
                "evs.keepalive_period=PT0.3S;evs.suspect_timeout=PT2S;evs.inactive_timeout=PT4S"}
    return {
        "read_only": 0, "super_read_only": 0, "gtid_mode": "ON", "enforce_gtid_consistency": "ON",
        "plugin_load_add": "group_replication.so", "group_replication_group_name": cluster.spec["group"],
        "group_replication_local_address": f"{host}:{port + 1000}",
        "group_replication_group_seeds": ",".join(f"{n.host}:{n.port + 1000}" for n in cluster.nodes),
        "group_replication_start_on_boot": "ON", "group_replication_recovery_get_public_key": "ON",
        "group_replication_member_expel_timeout": 0, "group_replication_unreachable_majority_timeout": 5}


def launch_arguments(node):
    """For a node that comes back: after a crash Galera's position is only in InnoDB."""
    if node.cluster.spec["flavor"] != "galera":
        return []
    asked = subprocess.run([*node.inside, *node.software.server(f"--defaults-file={node.cnf}"), "--wsrep-recover"],
                           cwd=node.data, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    found = re.findall(r"Recovered position:\s*(\S+)", asked.stdout + asked.stderr)
    return [f"--wsrep-start-position={position}" for position in found[-1:]]


def start(cluster, schema):
    """The first node makes the group, the others join it."""
    first, *others = cluster.nodes
    if cluster.spec["flavor"] == "galera":
        first.launch("--wsrep-new-cluster")
        first.wait()
        first.sql(schema)
        first.end()
        for node in others:
            subprocess.run(["rm", "-rf", node.data], check=True)
            subprocess.run(["cp", "-a", "--sparse=always", first.data, node.data], check=True)
        first.launch("--wsrep-new-cluster")
        first.wait()
        for node in others:
            node.launch()
            node.wait()
    else:
        cluster.each(lambda n: (n.launch("--group-replication-start-on-boot=OFF"), n.wait()))
        user = "CHANGE REPLICATION SOURCE TO SOURCE_USER='repl', SOURCE_PASSWORD='repl_password'" \
               " FOR CHANNEL 'group_replication_recovery';"
        first.sql(user + "SET GLOBAL group_replication_bootstrap_group=ON; START GROUP_REPLICATION;"
                         "SET GLOBAL group_replication_bootstrap_group=OFF;" + schema)
        for node in others:
            node.sql(user + "START GROUP_REPLICATION;")
    for node in cluster.nodes:
        cluster.wait_for(lambda n=node: is_member(n), f"{node} to be a member of its group")


def is_member(node):
    """It takes part and answers."""
    if node.state() != "up":
        return False
    if node.cluster.spec["flavor"] not in BESIDE:
        return True  # it is alone
    if node.cluster.spec["flavor"] == "galera":
        asked = "SHOW GLOBAL STATUS LIKE 'wsrep_ready'"
        return node.told(asked) == "wsrep_ready\tON"
    asked = f"SELECT member_state FROM performance_schema.replication_group_members WHERE member_port = {node.port}"
    return node.told(asked) == "ONLINE"


def members_seen(node):
    """How many members a member counts, itself among them; 0: it is none."""
    if node.cluster.spec["flavor"] == "galera":
        asked = "SHOW GLOBAL STATUS LIKE 'wsrep_cluster_size'"
    else:
        asked = "SELECT COUNT(*) FROM performance_schema.replication_group_members WHERE member_state = 'ONLINE'"
    words = node.told(asked).split() if is_member(node) else []
    return int(words[-1]) if words else 0


def is_back(node):
    """All who are up count each other: one that was frozen takes itself for a member until it hears that it is none."""
    if node.cluster.spec["flavor"] not in BESIDE:
        return is_member(node)
    up = [n for n in node.cluster.nodes if n.state() == "up"]
    return node in up and all(members_seen(n) == len(up) for n in up)


def is_expelled(node):
    """The others of its group have noticed that it is gone."""
    asked = f"SELECT COUNT(*) FROM performance_schema.replication_group_members WHERE member_port = {node.port}"
    return all(other.told(asked) == "0" for other in node.cluster.nodes if other.state() == "up")


def rejoin(node, seconds=120):
    """Brings a node back that was away, dead or only cut off."""
    node.thaw()
    if not node.pid():
        # A group takes nobody in whom it still counts, and who is refused waits for a minute ("Timeout on wait for
        # view after joining group"), in which STOP GROUP_REPLICATION waits as well.
        end = time.monotonic() + 20  # without a quorum nobody is ever expelled
        while node.cluster.spec["flavor"] == "group" and not is_expelled(node) and time.monotonic() < end:
            time.sleep(0.1)
        node.launch(*launch_arguments(node))
        node.wait()
    asked_at = 0
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if is_back(node):
            return True
        # One that was expelled tries again only minutes later.
        if node.cluster.spec["flavor"] == "group" and not is_member(node) and time.monotonic() > asked_at + 5:
            node.told("STOP GROUP_REPLICATION; START GROUP_REPLICATION")
            asked_at = time.monotonic()
        time.sleep(0.1)
    return False

"""A network of a test's own: hosts with an address each on one bridge, between which packets can get lost.

The process that makes it moves into a namespace of its own, the hub, from where it reaches every host at any
time; what is started with a host's `inside` before the command runs in that host. Namespaces have no name and
are held by open files, so that they are gone when that process and what it started in them have ended, however
that came. Nothing of the machine's own network is touched, or reached from here.

A lost packet is lost silently: whoever sends it learns nothing (no RST, the carrier stays up). To that end the
sender is told a wrong hardware address for the receiver, one of nobody, which holds for that one direction.
"""
import ctypes
import os
import subprocess
import unittest

CLONE_NEWNET = 0x40000000
HUB = "10.77.0.254"
NOBODY = "02:00:00:00:00:99"
NETEM = ("netem", "delay", "80ms", "60ms", "loss", "5%")
SLOW = ("tbf", "rate", "200kbit", "burst", "2kb", "latency", "300ms")
DROP = ("add table ip spoiled; add chain ip spoiled in { type filter hook input priority 0; };"
        "add rule ip spoiled in iif eth0 numgen random mod 100 < 5 drop")
libc = ctypes.CDLL(None, use_errno=True)


def call(name, *arguments):
    if getattr(libc, name)(*arguments):
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")


def this_namespace():
    return os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)


def ip(lines, inside=()):
    done = subprocess.run([*inside, "ip", "-batch", "-"], input="\n".join(lines), capture_output=True, text=True)
    if done.returncode:
        raise OSError(f"ip: {done.stderr.strip()} in {lines}")


def does(host, *command):
    """-> whether it went well."""
    try:
        return subprocess.run([*host.inside, *command], capture_output=True).returncode == 0
    except FileNotFoundError:
        return False


class Host:
    """inside: what to write before a command that is to run there."""

    def __init__(self, number):
        self.number, self.address = number, f"10.77.0.{number}"
        call("unshare", CLONE_NEWNET)
        self.file = this_namespace()
        self.inside = ("nsenter", f"--net=/proc/{os.getpid()}/fd/{self.file}", "--")

    def __str__(self):
        return self.address


class Network:
    """Hosts 1 to `count`. To be made and closed by the main thread."""

    def __init__(self, count):
        self.files, self.hosts, self.spoiled, self.how = [this_namespace()], [], [], ""
        try:
            self.make(count)
        except OSError:
            self.close()
            raise

    def make(self, count):
        for number in range(1, count + 1):
            self.hosts.append(Host(number))
            self.files.append(self.hosts[-1].file)
        call("unshare", CLONE_NEWNET)  # the hub
        ip(["link set lo up", "link add hub type bridge", f"addr add {HUB}/24 dev hub", "link set hub up"])
        for host in self.hosts:
            ip([f"link add v{host.number} type veth peer name eth0 netns /proc/{os.getpid()}/fd/{host.file}",
                f"link set v{host.number} master hub up"])
            ip(["link set lo up", f"addr add {host}/24 dev eth0", "link set eth0 up"], host.inside)

    def __getitem__(self, number):
        """The host of that number, from 1."""
        return self.hosts[number - 1]

    def drop(self, source, targets):
        """From now on what `source` sends to these hosts is lost; what they send arrives."""
        ip([f"neigh replace {target} lladdr {NOBODY} dev eth0 nud permanent" for target in targets
            if target is not source], source.inside)

    def cut(self, host, others=None, send=True, receive=True):
        """Loses what the host sends, receives or both, from and to all others or these."""
        others = [other for other in others or self.hosts if other is not host]
        if send:
            self.drop(host, others)
        for other in others if receive else []:
            self.drop(other, [host])

    def spoil(self, hosts):
        """What these send comes late, and part of it never. Where the kernel has no netem, they send slowly, so that
        it queues for up to a third of a second, and a part of what they are sent is dropped."""
        for host in hosts:
            self.spoiled.append(host)
            self.how = "netem"
            if not does(host, "tc", "qdisc", "add", "dev", "eth0", "root", *NETEM):
                self.how = "tbf and nft"
                if not (does(host, "tc", "qdisc", "add", "dev", "eth0", "root", *SLOW) and does(host, "nft", DROP)):
                    raise OSError("neither tc's netem nor its tbf with nft can spoil a network here")

    def heal(self):
        """Everybody reaches everybody, soon."""
        for host in self.hosts:
            ip(["neigh flush dev eth0 nud permanent"], host.inside)
        for host in self.spoiled:
            does(host, "tc", "qdisc", "del", "dev", "eth0", "root")
            does(host, "nft", "delete table ip spoiled")  # there is none where netem did it
        self.spoiled.clear()

    def close(self):
        """This thread goes back to where it came from."""
        if self.hosts:
            call("setns", self.files[0], CLONE_NEWNET)
        for file in self.files:
            os.close(file)


def network(case, count):
    """A network for the time of a test, which is skipped where nobody may make one."""
    try:
        made = Network(count)
    except PermissionError as error:
        raise unittest.SkipTest(f"only root can make a network of a test's own: {error}") from None
    case.addCleanup(made.close)
    return made

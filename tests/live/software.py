"""The servers' software: Debian's packages, unpacked into a cache outside the tree.

Nothing on the machine changes: apt resolves the packages against an empty machine, every package is
unpacked into one folder, and the programs run with the loader and the libraries of that folder. So a
server of a newer Debian runs here, too. The mirror is the one in the machine's own apt configuration.
"""
import fcntl
import hashlib
import os
import re
import shutil
import subprocess
from pathlib import Path

CACHE = Path(os.environ.get("ORCH_SERVER_CACHE")
             or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "orch-servers").absolute()
TICKS = Path(__file__).resolve().parent / "ticks.c"
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"

# flavor -> Debian release, packages
FLAVORS = {
    "mariadb": ("bookworm", ["mariadb-server-core", "mariadb-client-core"]),
    "mariadb11": ("trixie", ["mariadb-server-core", "mariadb-client-core"]),
    "mysql": ("sid", ["mysql-server-core", "mysql-client-core"]),
    "galera": ("bookworm", ["mariadb-server-core", "mariadb-client-core", "galera-4"]),
    "group": ("sid", ["mysql-server-core", "mysql-client-core"]),
}
RUNS_ON = {"group": "mysql"}  # flavor -> whose software it uses, where they differ
PACKAGES = {**FLAVORS, "haproxy": ("bookworm", ["haproxy"])}

# Accounts lie in the data directory that every node is a copy of, so they are in no binary log.
# orchestrator: administers the topology. ..._ssl, ..._x509: the same over TLS, with a client
# certificate. ..._poor: may read, but lacks privileges that some statements need.
ADMINS = {"orchestrator": "", "orchestrator_ssl": "REQUIRE SSL", "orchestrator_x509": "REQUIRE X509"}
ADMIN_PASSWORD = "orch_topology_password"
MARIADB_GRANTS = """
GRANT PROCESS, RELOAD, REPLICATION SLAVE, BINLOG MONITOR, BINLOG ADMIN, SLAVE MONITOR,
  REPLICATION SLAVE ADMIN, REPLICATION MASTER ADMIN, READ_ONLY ADMIN, CONNECTION ADMIN, SUPER
  ON *.* TO {user}@'%';
GRANT SELECT ON mysql.* TO {user}@'%';
"""
MYSQL_GRANTS = """
GRANT PROCESS, RELOAD, REPLICATION SLAVE, REPLICATION CLIENT, REPLICATION_SLAVE_ADMIN,
  SYSTEM_VARIABLES_ADMIN, CONNECTION_ADMIN, BINLOG_ADMIN ON *.* TO {user}@'%';
GRANT SELECT ON mysql.slave_master_info TO {user}@'%';
"""
COMMON_GRANTS = """
GRANT SELECT ON performance_schema.* TO {user}@'%';
GRANT ALL ON meta.* TO {user}@'%';
"""
OTHER_ACCOUNTS = """
CREATE USER orchestrator_poor@'%' IDENTIFIED BY '{password}';
GRANT PROCESS ON *.* TO orchestrator_poor@'%';
CREATE USER repl@'%' IDENTIFIED BY 'repl_password';
GRANT REPLICATION SLAVE ON *.* TO repl@'%';
CREATE USER app@'%' IDENTIFIED BY 'app_password';
GRANT ALL ON app.* TO app@'%';
"""


class Problem(Exception):
    """Something to tell the person who runs the tool."""


class MirrorProblem(Problem):
    """The packages could not be had; nothing is wrong with what we do."""


def run(log, *command, seconds=600, **options):
    """Runs a command into a log file; true when it went well."""
    options.setdefault("stdin", None if "input" in options else subprocess.DEVNULL)
    if "input" in options:
        del options["stdin"]
    try:
        return subprocess.run(command, stdout=log, stderr=log, timeout=seconds, **options).returncode == 0
    except subprocess.TimeoutExpired:
        return False


def mirror():
    """Where apt, as the machine has it, takes this Debian release's main component from."""
    asked = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(RELEASE) $(COMPONENT) $(REPO_URI)", "Created-By: Packages"],
        capture_output=True, text=True)
    codename = re.search(r"^VERSION_CODENAME=(\w+)", Path("/etc/os-release").read_text(), re.M)
    for line in asked.stdout.splitlines():
        release, component, uri = line.split(" ", 2)
        if component == "main" and release in (codename and codename[1], "stable"):
            return uri
    raise MirrorProblem("apt's configuration names no mirror of this Debian release")


class Software:
    """One unpacked server: root/ is its tree, template-*/ a fresh data directory."""

    def __init__(self, flavor):
        if flavor not in PACKAGES:
            raise Problem(f"unknown flavor {flavor}: there are {', '.join(FLAVORS)}")
        self.flavor = RUNS_ON.get(flavor, flavor)
        self.is_mysql = self.flavor == "mysql"
        self.dir = CACHE / "software" / self.flavor
        self.root, self.ticks = self.dir / "root", self.dir / "ticks"
        self.recipe = repr((PACKAGES[self.flavor], 1))
        # Named for how it was made: another clone's tests, which make theirs otherwise, may be using theirs just now.
        made = hashlib.sha256((self.recipe + self.accounts() + "2").encode()).hexdigest()[:12]
        self.template = self.dir / f"template-{made}"

    def program(self, kind):
        """The command line that starts an unpacked program with its own loader and libraries."""
        name = {"server": "sbin/mysqld" if self.is_mysql else "sbin/mariadbd",
                "client": "bin/mysql" if self.is_mysql else "bin/mariadb", "proxy": "sbin/haproxy"}[kind]
        dirs = [d for p in ("lib", "usr/lib") for d in (self.root / p).glob("*-linux-gnu*") if d.is_dir()]
        loader = next(f for d in dirs for f in sorted(d.glob("ld-linux*.so*")))
        return [str(loader), "--library-path", ":".join(map(str, dirs)), str(self.root / "usr" / name)]

    def client(self, *arguments):
        return [*self.program("client"), "--no-defaults", *arguments,
                f"--character-sets-dir={self.share() / 'charsets'}"]

    def share(self):
        return next(self.root.glob("usr/share/m*/english")).parent

    def server(self, *defaults):
        """The server's command line, less what a node's configuration file says."""
        share = self.share()
        loader, *program = self.program("server")
        quick = ["--preload", str(self.ticks / "ticks.so")] if self.is_mysql else []
        return [loader, *quick, *program, *(defaults or ["--no-defaults"]), f"--basedir={self.root}/usr",
                f"--lc-messages-dir={share}", f"--character-sets-dir={share}/charsets",
                f"--plugin-dir={self.root}/usr/lib/mysql/plugin",
                *(["--user=root"] if os.geteuid() == 0 else [])]

    def install(self):
        """Does what is missing. Two at once are safe: one waits for the other."""
        self.dir.mkdir(parents=True, exist_ok=True)
        with open(self.dir / "lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            self.step("unpacked", self.recipe, self.unpack, self.root)
            if self.is_mysql:
                self.step("compiled", TICKS.read_text(), self.compile_ticks, self.ticks)
            if self.flavor in FLAVORS:
                self.step(f"initialised-{self.template.name}", "", self.initialise, self.template)
        return self

    def step(self, name, recipe, work, folder):
        """Runs `work`, which fills `folder`, unless it was done by the same recipe."""
        mark, want = self.dir / name, hashlib.sha256(recipe.encode()).hexdigest()
        if mark.exists() and mark.read_text() == want:
            return
        mark.unlink(missing_ok=True)
        shutil.rmtree(folder, ignore_errors=True)
        work()
        mark.write_text(want)

    def unpack(self):
        release, packages = PACKAGES[self.flavor]
        apt = self.dir / "apt"
        shutil.rmtree(apt, ignore_errors=True)
        for part in ("lists/partial", "cache/archives/partial"):
            (apt / part).mkdir(parents=True)
        (apt / "status").touch()
        (apt / "sources.list").write_text(f"deb [signed-by={KEYRING}] {mirror()} {release} main\n")
        # The machine's own apt.conf.d stays in force: it may know what this mirror needs.
        (apt / "conf").write_text("".join(f'{key} "{value}";\n' for key, value in {
            "Dir::Etc::sourcelist": apt / "sources.list", "Dir::Etc::sourceparts": "-",
            "Dir::State": apt, "Dir::State::lists": apt / "lists", "Dir::State::status": apt / "status",
            "Dir::Cache": apt / "cache", "APT::Install-Recommends": "false", "APT::Sandbox::User": "root",
            "Acquire::Languages": "none", "Acquire::Retries": "3", "Acquire::http::Timeout": "30"}.items()))
        with open(self.dir / "install.log", "w") as log:
            env = {**os.environ, "APT_CONFIG": str(apt / "conf")}
            if not (run(log, "apt-get", "-q", "update", env=env)
                    and run(log, "apt-get", "-q", "-y", "--download-only", "install", *packages, env=env)):
                raise MirrorProblem(f"the packages of {self.flavor} could not be had, see {log.name}")
            for deb in sorted((apt / "cache/archives").glob("*.deb")):
                if not run(log, "dpkg-deb", "-x", deb, self.root):
                    raise Problem(f"cannot unpack {deb.name}, see {log.name}")
        for part in ("doc", "man", "locale", "perl"):
            shutil.rmtree(self.root / "usr/share" / part, ignore_errors=True)
        shutil.rmtree(apt)

    def compile_ticks(self):
        self.ticks.mkdir()
        with open(self.dir / "compile.log", "w") as log:
            if not run(log, "cc", "-shared", "-fPIC", "-O", "-nostdlib", "-o", self.ticks / "ticks.so", TICKS):
                raise Problem(f"cannot compile {TICKS}, see {log.name}")

    def accounts(self):
        sql = OTHER_ACCOUNTS.format(password=ADMIN_PASSWORD)
        for user, require in ADMINS.items():
            sql += f"CREATE USER {user}@'%' IDENTIFIED BY '{ADMIN_PASSWORD}' {require};"
            sql += ((MYSQL_GRANTS if self.is_mysql else MARIADB_GRANTS) + COMMON_GRANTS).format(user=user)
        # An init file has one statement a line.
        return "".join(" ".join(statement.split()) + ";\n" for statement in sql.split(";") if statement.strip())

    def initialise(self):
        """Makes the data directory that every node starts from as a copy."""
        accounts, data = self.accounts(), f"--datadir={self.template}"
        with open(self.dir / "initialise.log", "w") as log:
            if self.is_mysql:
                script = self.dir / "accounts.sql"
                script.write_text(accounts)
                done = run(log, *self.server(), data, "--initialize-insecure", f"--init-file={script}",
                           "--innodb-redo-log-capacity=8M", "--secure-file-priv=NULL", "--innodb-doublewrite=0",
                           "--innodb-rollback-segments=1")
            else:
                (self.template / "mysql").mkdir(parents=True)
                parts = [next(self.share().glob(f"m*_{part}.sql")).read_text() for part in
                         ("system_tables", "performance_tables", "system_tables_data", "sys_schema")]
                done = run(log, *self.server(), data, "--bootstrap", "--innodb-log-file-size=8M",
                           "--innodb-buffer-pool-size=16M", text=True,
                           input="\n".join(["use mysql;", *parts, "FLUSH PRIVILEGES;", accounts]))
        if not done:
            raise Problem(f"{self.flavor}: initialising the data directory failed, see {log.name}")
        # Every copy makes its own server UUID, and of the redo log's spare files as many as it needs.
        for made_anew in (self.template / "auto.cnf", *self.template.glob("#innodb_redo/*_tmp")):
            made_anew.unlink(missing_ok=True)


def certificates():
    """A folder with ca.pem, server-*.pem, client-*.pem, a stranger's other-ca.pem and self-*.pem, made once."""
    folder = CACHE / "tls"
    folder.mkdir(parents=True, exist_ok=True)
    with open(CACHE / "tls.lock", "w") as lock, open(CACHE / "tls.log", "w") as log:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if (folder / "complete").exists():
            return folder

        def openssl(*arguments):
            if not run(log, "openssl", *arguments, cwd=folder):
                raise Problem(f"cannot make certificates, see {log.name}")

        for ca, file in (("ca", "ca.pem"), ("other-ca", "other-ca.pem"), ("self", "self-cert.pem")):
            openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "3650", "-subj", f"/CN=orch tests {ca}",
                    "-keyout", f"{ca}-key.pem", "-out", file)
        (folder / "san").write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
        for name in ("server", "client"):
            openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN=orch tests {name}",
                    "-keyout", f"{name}-key.pem", "-out", f"{name}.csr")
            openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca-key.pem",
                    "-CAcreateserial", "-days", "3650", "-extfile", "san", "-out", f"{name}-cert.pem")
        (folder / "complete").touch()
    return folder

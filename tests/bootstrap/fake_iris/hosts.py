"""Lab hosts with the fake kit on them, for tests of the fake itself: what steps of the bootstrap would do, done by hand."""

import json
import shutil
import subprocess
import uuid
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.bootstrap.fake_iris.kit import make_agent_kit, make_kit
from tests.bootstrap.lab.host import Answer, Host
from tests.bootstrap.lab.namespaces import Keeper, run
from tests.bootstrap.lab.network import Switch

#: Quicker than RSA.
_NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
LICENSE = "ConfigFile=iris.key\nmirroring\n"
#: Parameters of the installer that the tests use unless they are about them.
PARAMETERS = {
    "INSTANCENAME": "IRIS",
    "INSTALLDIR": "/irissys/sys",
    "INITIAL_SECURITY": "Normal",
    "USER_PASSWORD": "first-secret",
    "CSPSYSTEM_PASSWORD": "second-secret",
    "MGRUSER": "irisowner",
    "MGRGROUP": "irisowner",
    "WEB_CONFIGURE": "N",
    "STARTIRIS": "N",
}


class IrisHost:
    """A host, and what one does with an instance on it."""

    def __init__(self, host: Host, kits: Path) -> None:
        self.host = host
        self._kits = kits

    def prepare(self) -> None:
        """Users, and the settings of the fake."""
        self.host.run("useradd", "--user-group", "irisowner")
        self.set()

    def set(self, **settings: Any) -> None:
        """Settings of the fake; its instance reads them when it starts."""
        self.put("/etc/fake-iris/settings.json", json.dumps({"scale": 0.1, **settings}))

    def put(self, path: str, text: str, owner: str = "root", mode: str = "644") -> None:
        """Writes a file on the host."""
        self.host.run("mkdir", "-p", str(Path(path).parent))
        self.host.run("sh", "-c", 'cat > "$1" && chown "$2" "$1" && chmod "$3" "$1"', "-", path, owner, mode, stdin=text)

    def unpack(self, folder: str = "/tmp/kit", **options: Any) -> str:
        """Puts a kit on the host and unpacks it; returns its top folder."""
        made = make_kit(self._kits, **options)
        self.host.run("mkdir", "-p", folder)
        shutil.copyfile(made, self.host.path(f"{folder}/{made.name}"))
        self.host.run("tar", "-xf", f"{folder}/{made.name}", "-C", folder)
        return f"{folder}/{made.name.removesuffix('.tar.gz')}"

    def install(self, *, top: str = "", umask: str = "022", check: bool = True, **changes: str | None) -> Answer:
        """Runs the installer with the usual parameters; None leaves one out."""
        values = {**PARAMETERS, **changes}
        words = [f"ISC_PACKAGE_{name}={value}" for name, value in values.items() if value is not None]
        script = f'umask {umask}; cd "$1"; shift; exec env "$@" ./irisinstall_silent'
        return self.host.run("sh", "-c", script, "-", top or self.unpack(), *words, check=check)

    def certificate(self, authority: Path, name: str, **options: str) -> None:
        """Issues a certificate and puts it where the tests' merge files look for it."""
        made = issue(authority, name, **options)
        for file in ("CAFile.pem", "CertificateFile.pem", "PrivateKeyFile.pem"):
            self.put(f"/etc/iris-tls/{file}", (made / file).read_text(), "irisowner", "600")

    def install_agent(self, *, mode: str = "unattended", answers: str = "", check: bool = True) -> Answer:
        """Installs the agent alone, as on an arbiter."""
        made = make_agent_kit(self._kits)
        shutil.copyfile(made, self.host.path(f"/tmp/{made.name}"))
        self.host.run("tar", "-xf", f"/tmp/{made.name}", "-C", "/tmp")
        words = ("env", f"ISC_PACKAGE_MODE={mode}", "/tmp/ISCAgent/agentinstall")
        return self.host.run(*words, stdin=answers, check=check)

    def start_agent(self) -> None:
        self.host.run("systemctl", "daemon-reload")
        self.host.run("systemctl", "enable", "--now", "ISCAgent.service")

    def license(self) -> None:
        self.put("/irissys/sys/mgr/iris.key", LICENSE, "irisowner")

    def owner(self, *words: str, check: bool = True, stdin: str = "", environment: str = "") -> Answer:
        """Runs a command as the instance's owner."""
        assignments = environment.split()
        as_owner = ("runuser", "-u", "irisowner", "--", "env", *assignments)
        return self.host.run(*as_owner, *words, check=check, stdin=stdin)

    def start(self, merge: str = "", *, check: bool = True) -> Answer:
        """Starts the instance, with a merge file if there is one."""
        if merge:
            self.put("/etc/merge.cpf", merge, "irisowner")
        environment = "ISC_CPF_MERGE_FILE=/etc/merge.cpf" if merge else ""
        return self.owner("iris", "start", "IRIS", "quietly", check=check, environment=environment)

    def stop(self, *words: str) -> Answer:
        return self.owner("iris", "stop", "IRIS", *words, "quietly")

    def kill(self) -> None:
        """Ends the instance at once."""
        self.host.run("iris", "force", "IRIS")

    def qlist(self) -> list[str]:
        return self.host.run("iris", "qlist", "IRIS").output.strip().split("^")

    def mirror_status(self) -> str:
        """What field 12 of qlist says, as long as the instance runs."""
        return str(self.seen().get("mirror_status", ""))

    def is_down(self) -> bool:
        """Whether its process is gone."""
        return not self.host.path(f"/proc/{self.seen().get('pid', 'none')}").exists()

    def messages(self) -> str:
        return self.host.run("cat", "/irissys/sys/mgr/messages.log").output

    def seen(self) -> dict[str, Any]:
        """What the running instance shows of itself."""
        file = self.host.path("/dev/shm/fake-iris-irissys-sys.json")
        found = json.loads(file.read_text()) if file.exists() else {}
        assert isinstance(found, dict)
        return found

    def calls(self) -> list[dict[str, Any]]:
        """Every command of the kit that was run on the host."""
        return [json.loads(line) for line in self.host.run("cat", "/var/log/fake-iris/calls").output.splitlines()]

    def wait_for_status(self, wanted: str, seconds: float = 20) -> None:
        """Waits for a mirror status."""
        self.host.wait_until(f"mirror status {wanted}", lambda: self.mirror_status() == wanted, seconds)

    def script(self, *lines: str, check: bool = True) -> str:
        """Runs lines of ObjectScript in %SYS as the instance's owner; what they wrote, without banner and prompts."""
        done = self.owner("iris", "session", "IRIS", "-U%SYS", stdin="\n".join([*lines, "halt", ""]), check=check)
        shown = [line for line in done.output.splitlines() if line and not line.startswith(("%SYS>", "Node: "))]
        return "\n".join(shown)

    def records(self, *lines: str, seconds: float = 10) -> list[str]:
        """Talks to the instance as a client does; the answer to each line."""
        script = (
            "import socket,sys\ns=socket.create_connection(('127.0.0.1',1972)); s.settimeout(float(sys.argv[1]))\n"
            "f=s.makefile('rw'); f.write('data\\n'); f.flush()\n"
            "for line in sys.argv[2:]:\n f.write(line+'\\n'); f.flush(); print(f.readline().strip())\n"
        )
        return self.host.run("python3", "-c", script, str(seconds), *lines, check=False).output.splitlines()


@contextmanager
def lab(folder: Path, *names: str) -> Iterator[dict[str, IrisHost]]:
    """Hosts, booted: the first is 10.20.1.10, the second 10.20.1.11, and so on; they know one another's names."""
    keeper, switch = Keeper(mounts=True), Switch()
    folder.mkdir(exist_ok=True)
    run([*keeper.enter("mount"), "mount", "-t", "tmpfs", "lab", folder])
    run([*keeper.enter("mount"), "mkdir", *(folder / part for part in ("groups", "kernel", "hosts", "disks", "swept"))])
    hosts: dict[str, IrisHost] = {}
    kits = folder.with_name(folder.name + "-kits")
    kits.mkdir(exist_ok=True)
    addresses = {name: f"10.20.1.{10 + number}" for number, name in enumerate(names)}
    try:
        for name, address in addresses.items():
            hosts[name] = IrisHost(Host(keeper, folder, switch, name=name, address=address), kits)
        for host in hosts.values():
            host.host.power_on()
        lines = "".join(f"{address} {name}\n" for name, address in addresses.items())
        for name, host in hosts.items():
            host.host.wait_until_up()
            host.host.run("sh", "-c", f"hostname {name}; cat >> /etc/hosts", stdin=lines)
        yield hosts
    finally:
        for host in hosts.values():
            host.host.remove()
        switch.remove()
        keeper.stop()


def prepare_all(hosts: dict[str, IrisHost], authority: Path, *, agents: Sequence[str] = (), arbiter: str = "") -> None:
    """Installs on all hosts at once: an instance, its license and certificate; on some the agent starts; one is only an
    arbiter.
    """

    def work(name: str) -> None:
        host = hosts[name]
        host.prepare()
        if name == arbiter:
            host.install_agent()
            host.start_agent()
            return
        host.install()
        host.license()
        host.certificate(authority, name.upper())
        if name in agents:
            host.start_agent()

    with ThreadPoolExecutor() as pool:
        list(pool.map(work, hosts))


def make_authority(folder: Path) -> None:
    """Makes an authority's key and certificate."""
    folder.mkdir(exist_ok=True)
    _openssl("req", "-x509", *_NEW_KEY, "-keyout", folder / "ca.key", "-out", folder / "CAFile.pem", "-days", "9",
             "-subj", "/O=Test/CN=Authority", "-addext", "basicConstraints=critical,CA:TRUE")  # fmt: skip


def issue(
    folder: Path, name: str, *, usage: str = "digitalSignature,keyEncipherment", extended: str = "clientAuth,serverAuth"
) -> Path:
    """Issues a certificate with the name /O=Test/CN=name.

    Returns:
        A folder as ConfigMirror's SSLDir wants it.
    """
    made = folder / name
    made.mkdir(exist_ok=True)
    key, request = made / "PrivateKeyFile.pem", made / "csr"
    _openssl("req", *_NEW_KEY, "-keyout", key, "-out", request, "-subj", f"/O=Test/CN={name}")
    (made / "extensions").write_text(f"keyUsage=critical,{usage}\nextendedKeyUsage={extended}\n")
    serial = str(uuid.uuid4().int)
    _openssl("x509", "-req", "-in", request, "-CA", folder / "CAFile.pem", "-CAkey", folder / "ca.key", "-set_serial", serial,
             "-days", "9", "-extfile", made / "extensions", "-out", made / "CertificateFile.pem")  # fmt: skip
    shutil.copyfile(folder / "CAFile.pem", made / "CAFile.pem")
    return made


def _openssl(*words: str | Path) -> None:
    subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True)

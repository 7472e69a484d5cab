"""What an application, and a person, do with the instance of a member in the lab."""

import json

from tests.bootstrap.lab.lab import LabHost
from tests.bootstrap.region_lab import records


def last(host: LabHost) -> int:
    return int(records(host, "LAST")[0].removeprefix("OK "))


def write(host: LabHost, text: str) -> int:
    (said,) = records(host, f"SET {text}")
    assert said.startswith("OK "), said
    return int(said.removeprefix("OK "))


def has(host: LabHost, number: int, text: str) -> bool:
    return records(host, f"GET {number}") == [f"OK {text}"]


def database_file(host: LabHost) -> str:
    return host.run("cat", "/irissys/db/APPDATA/IRIS.DAT").output


def terminal(host: LabHost, what: str) -> tuple[int, str]:
    """Runs something in %SYS as the owner of the instance: exit status and output."""
    owner = ("setpriv", "--reuid=irisowner", "--regid=irisowner", "--init-groups", "--")
    done = host.run(*owner, "iris", "terminal", "IRIS", "-U", "%SYS", what, check=False)
    return done.status, done.output


def frozen(host: LabHost) -> bool:
    # Class reference, Backup.General: 5 is yes, 3 is no.
    status, output = terminal(host, "##class(Backup.General).IsWDSuspendedExt()")
    assert status in (3, 5), output
    return status == 5


def databases(host: LabHost) -> dict[str, str]:
    """Mirror state of each mirrored database."""
    lines = terminal(host, 'Databases^%ZcdkRegion("TRAK")')[1].splitlines()
    found = [line.removeprefix("cdk:database ").split("^") for line in lines if line.startswith("cdk:database ")]
    return {name: state for name, _, state in found}


def remove_member(primary: LabHost, name: str) -> None:
    """What a person does in the Management Portal of the primary."""
    script = (
        "import json,socket,sys\ns=socket.socket(socket.AF_UNIX); s.connect('\\0fake-iris/irissys/sys'); f=s.makefile('rw')\n"
        "f.write('command\\n'+json.dumps({'op':'remove member','name':sys.argv[1]})+'\\n'); f.flush(); print(f.readline())\n"
    )
    assert json.loads(primary.run("python3", "-c", script, name).output) == {}

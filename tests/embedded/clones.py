"""The machines of clones: each does what its user data says, with commands that answer as a test wants, and has a console.

What the script does on a host, with a real systemd and the fake IRIS, `tests/bootstrap/test_rehearsal.py` shows.
"""

import base64
import subprocess
import threading
from pathlib import Path
from typing import Any

import yaml

from cdk_intersystems.command.rehearsal.clone import TAG
from local.clients import Clients
from local.server import EmbeddedAws

from .agents import tell


class Machines:
    """Watches for clones in a region, and drives each that appears.

    Attributes:
        seen: The instances that were found, as EC2 described them.
        silent: Whether clones say nothing.
        promotes: What a clone's `iris-region promote` prints.
    """

    def __init__(self, aws: EmbeddedAws, region: str, folder: Path) -> None:
        self.seen: dict[str, dict[str, Any]] = {}
        self.silent, self.promotes = False, '{"done": true}'
        self._endpoint, self._region, self._folder = aws.endpoint, region, folder
        self._ec2 = Clients(aws, region)("ec2")
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._ends.set()
        self._thread.join(30)

    def _work(self) -> None:
        mine = [{"Name": "tag-key", "Values": [TAG]}, {"Name": "instance-state-name", "Values": ["running"]}]
        while not self._ends.wait(0.1):
            found = self._ec2.describe_instances(Filters=mine)["Reservations"]
            for instance in (each for reservation in found for each in reservation["Instances"]):
                if instance["InstanceId"] not in self.seen:
                    self.seen[instance["InstanceId"]] = instance
                    if not self.silent:
                        self._boot(instance["InstanceId"])

    def _boot(self, instance: str) -> None:
        told = self._ec2.describe_instance_attribute(InstanceId=instance, Attribute="userData")["UserData"]["Value"]
        folder = self._folder / instance
        folder.mkdir()
        (folder / "systemctl").write_text("#!/bin/sh\n")
        (folder / "iris-region").write_text(
            f"#!/bin/sh\n[ \"$1\" = promote ] || {{ echo '{{\"done\": true}}'; exit; }}\necho '{self.promotes}'\n"
            "case '%s' in *refused*) exit 3 ;; esac\n" % self.promotes
        )
        for name in ("systemctl", "iris-region"):
            (folder / name).chmod(0o755)
        environment = {
            "PATH": f"{folder}:/usr/bin:/bin",
            "CONSOLE": str(folder / "console"),
            "IRIS_REGION": str(folder / "iris-region"),
            "RUN_DIRECTORY": str(folder / "run"),
            "PAUSE": "0.1",
        }
        for command in yaml.safe_load(base64.b64decode(told).decode())["runcmd"]:
            subprocess.run(command, env=environment, check=False, timeout=60)
        said = (folder / "console").read_text()
        tell(self._endpoint, "console", region=self._region, instance_id=instance, text=f"[    1.2] booting\r\n{said}")

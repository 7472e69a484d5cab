"""Removes what of a lab could outlive it: the control groups of its hosts. Everything else ends with the processes."""

import os
import subprocess
from pathlib import Path

from tests.bootstrap.lab.namespaces import Keeper

# Reads until whoever started it is gone, however that came about; then waits for the groups to become empty.
_SCRIPT = """
mount -t cgroup2 cgroup2 "$1"
cat > /dev/null
for attempt in $(seq 100); do
  found=$(find "$1" -mindepth 1 -maxdepth 1 -type d -name "$2")
  [ -n "$found" ] || exit 0
  find $found -depth -type d -exec rmdir {} + 2> /dev/null || sleep 0.1
done
"""


class Janitor:
    """A process that outlives this one by a moment."""

    def __init__(self, lab: Keeper, groups: Path) -> None:
        """Starts it.

        Args:
            lab: Who keeps the lab's mounts.
            groups: A folder in those mounts for the control groups.
        """
        own_mounts = ["unshare", "--mount", "--propagation", "private", "--"]
        command = [*lab.enter("mount"), *own_mounts, "sh", "-ec", _SCRIPT, "sh", str(groups), f"cdk-lab-{os.getpid()}-*"]
        # In a session of its own, so that what is typed or sent to the tests' group doesn't end it.
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )

    def stop(self) -> None:
        """Has it clean up, and waits."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(30)

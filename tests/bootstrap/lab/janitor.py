"""Removes what of a lab could outlive this process: the control groups of its hosts. All else ends with the processes."""

import functools
import os
import subprocess

# Reads until whoever started it is gone, however that came about; then waits for the groups to become empty.
_SCRIPT = """
mount -t cgroup2 cgroup2 /mnt
cat > /dev/null
for attempt in $(seq 100); do
  found=$(find /mnt -mindepth 1 -maxdepth 1 -type d -name "$1")
  [ -n "$found" ] || exit 0
  find $found -depth -type d -exec rmdir {} + 2> /dev/null || sleep 0.1
done
"""


@functools.cache
def start() -> "subprocess.Popen[bytes]":
    """Starts a process that outlives this one by a moment; once."""
    own_mounts = ["unshare", "--mount", "--propagation", "private", "--"]
    command = [*own_mounts, "sh", "-ec", _SCRIPT, "sh", f"cdk-lab-{os.getpid()}-*"]
    # In a session of its own, so that what is typed or sent to the tests' group doesn't end it.
    return subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )

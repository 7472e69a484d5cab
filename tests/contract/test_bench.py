"""What `make bench` measures and reports."""

import sys
from pathlib import Path

import pytest

from cdk_intersystems.configuration import deployment_of
from tests.bench.generated import deployment
from tests.bench.process import measure


@pytest.mark.parametrize("mirror_sets", [1, 10])
def test_a_generated_deployment_is_possible(mirror_sets: int) -> None:
    made = deployment_of(deployment(mirror_sets))
    assert len(made.mirror_sets) == len(made.application_tiers) == len(made.web_tiers) == mirror_sets


# Started by another thread than the main one, as jsii starts Node.
_WITH_A_CHILD = """
import subprocess, sys, threading
code = "held = bytearray(100 * 2**20); import time; time.sleep(0.5)"
thread = threading.Thread(target=lambda: subprocess.run([sys.executable, "-c", code]))
thread.start()
thread.join()
print("done")
"""


def test_the_memory_of_children_counts(tmp_path: Path) -> None:
    measured = measure([sys.executable, "-c", _WITH_A_CHILD], {}, tmp_path / "output.txt")
    assert measured.output == "done\n"
    assert measured.seconds >= 0.5
    assert measured.cpu_seconds > 0
    assert measured.mib > 100


def test_a_failure_is_not_a_figure(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="broken"):
        measure([sys.executable, "-c", "raise SystemExit('broken')"], {}, tmp_path / "output.txt")

"""A change that restarts a member is refused until that member's stack is given the code, and restarts no other one."""

import re
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from local import cdk
from local.clients import Clients
from local.server import REPOSITORY, EmbeddedAws

from .conftest import REGION

pytestmark = pytest.mark.embedded

STACK = "trakcare-primary-trak-"


def synthesize(aws: EmbeddedAws, folder: Path, instance_type: str) -> Path:
    """Synthesize trakcare with another instance type for its members, without touching the repository."""
    folder.mkdir()
    for name in ("constructs", "lambda", "stacks", "cdk.json"):
        if (REPOSITORY / name).exists():
            (folder / name).symlink_to(REPOSITORY / name)
    shutil.copy(REPOSITORY / "app.py", folder)
    shutil.copytree(REPOSITORY / "config", folder / "config")
    configuration = folder / "config" / "trakcare.yaml"
    text = configuration.read_text()
    assert "instance_type: r7i.4xlarge" in text
    configuration.write_text(text.replace("instance_type: r7i.4xlarge", f"instance_type: {instance_type}"))
    made = cdk.synthesize(aws, f"{sys.executable} {folder / 'app.py'}", {"deployment": "trakcare", "regions": "primary"})
    return made.rename(folder / "cdk.out")


def members(clients: Clients) -> dict[str, tuple[str, str, str]]:
    """Each failover member's instance, type and launch time."""
    filters = [{"Name": "tag:cdk-intersystems:member", "Values": ["a", "b"]}]
    found: dict[str, tuple[str, str, str]] = {}
    for reservation in clients("ec2").describe_instances(Filters=filters)["Reservations"]:
        instance: dict[str, Any] = reservation["Instances"][0]
        tags = {tag["Key"]: tag["Value"] for tag in instance["Tags"]}
        started = str(instance["LaunchTime"])
        found[tags["cdk-intersystems:member"]] = (instance["InstanceId"], instance["InstanceType"], started)
    return found


def test_one_member_is_rolled_at_a_time(tmp_path: Path) -> None:
    with EmbeddedAws() as aws:
        clients = Clients(aws, REGION)
        first = synthesize(aws, tmp_path / "first", "r7i.4xlarge")
        cdk.bootstrap(aws, [(aws.account, REGION)], lambda line: None)
        cdk.deploy(aws, first, lambda line: None)
        before = members(clients)

        # Nothing changed: nothing is asked.
        cdk.deploy(aws, first, lambda line: None, only=[f"{STACK}a", f"{STACK}b"])
        assert members(clients) == before

        second = synthesize(aws, tmp_path / "second", "r6i.4xlarge")
        with pytest.raises(cdk.CdkError) as refusal:
            cdk.deploy(aws, second, lambda line: None)
        assert members(clients) == before
        # Both stacks are refused at once; the CLI tells one of them.
        said = re.search(rf"{STACK}([ab]):RollApproval=(\w+)", str(refusal.value))
        assert said, refusal.value
        rolled, code = said.groups()
        other = {"a": "b", "b": "a"}[rolled]

        cdk.deploy(aws, second, lambda line: None, only=[STACK + rolled], parameters={f"{STACK}{rolled}:RollApproval": code})
        after = members(clients)
        assert after[rolled][:2] == (before[rolled][0], "r6i.4xlarge")
        assert after[rolled][2] > before[rolled][2]
        assert after[other] == before[other]

        # The code of one member is not another one's.
        with pytest.raises(cdk.CdkError, match="RollApproval"):
            cdk.deploy(aws, second, lambda line: None, only=[STACK + other], parameters={f"{STACK}{other}:RollApproval": code})
        assert members(clients)[other] == before[other]

"""`cdk-intersystems rehearse`: the clone reaches nobody, says what it came to, and is gone afterwards."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import boto3
import pytest
import yaml
from moto import mock_aws
from typer.testing import CliRunner, Result

from cdk_intersystems.command import rehearse_command
from cdk_intersystems.command.application import application
from cdk_intersystems.command.rehearsal import clone as clone_module
from cdk_intersystems.command.rehearsal.clone import TAG
from cdk_intersystems.command.rehearsal.script import said, script, user_data
from tests.unit.command.fake_region import REGION, move
from tests.unit.configuration.regions import two_regions

YES = ("--yes", "rehearse TRAK in eu-west-1")
GOOD = {"ok": True, "booted": 1_000, "started": 2_000, "primary": 5_500}


class Api:
    """The API, with an answer that a test states."""

    answer: ClassVar[dict[str, Any]] = {}

    def __init__(self, target: object) -> None:
        pass

    def current(self) -> dict[str, Any]:
        return self.answer


@pytest.fixture
def ec2(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Any]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    (tmp_path / "trakcare.yaml").write_text(yaml.safe_dump(two_regions()))
    monkeypatch.setattr(Api, "answer", {"region": REGION, "move": None})
    monkeypatch.setattr(rehearse_command, "RegionApi", Api)
    monkeypatch.setattr(rehearse_command, "sleep", lambda seconds: None)
    with mock_aws():
        boto3.client("dynamodb", "eu-west-1").create_table(
            TableName="trakcare-TRAK-region-state",
            KeySchema=[{"AttributeName": "key", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "key", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        yield boto3.client("ec2", "eu-west-1")


def member(ec2: Any, letter: str) -> str:
    """A member of the DR region."""
    tags = {"deployment": "trakcare", "mirror-set": "TRAK", "member": letter}
    return str(
        ec2.run_instances(
            ImageId="ami-12c6146b",
            InstanceType="r7i.2xlarge",
            MinCount=1,
            MaxCount=1,
            SubnetId=ec2.describe_subnets()["Subnets"][0]["SubnetId"],
            TagSpecifications=[
                {
                    "ResourceType": "instance",
                    "Tags": [{"Key": f"cdk-intersystems:{key}", "Value": value} for key, value in tags.items()],
                }
            ],
        )["Instances"][0]["InstanceId"]
    )


def run(tmp_path: Path, *options: str) -> Result:
    return CliRunner().invoke(application, ["rehearse", "trakcare", "--config-dir", str(tmp_path), *options])


class Watched:
    """What was asked of EC2, and the console of the clone."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, answer: dict[str, Any] | None) -> None:
        self.launched: dict[str, Any] = {}
        self.imaged: dict[str, Any] = {}
        self.group: dict[str, Any] = {}
        real = rehearse_command.Clones
        watched = self

        class Clones(real):
            def start(self, *args: Any, **kwargs: Any) -> str:
                watched.group = self.ec2.describe_security_groups(GroupIds=[args[1]])["SecurityGroups"][0]
                client = self.ec2
                client.meta.events.register(
                    "provide-client-params.ec2.RunInstances", lambda params, **_: watched.launched.update(params)
                )
                return super().start(*args, **kwargs)

            def make_image(self, instance: str) -> str:
                events = self.ec2.meta.events
                events.register("provide-client-params.ec2.CreateImage", watched.sees_image)
                image = super().make_image(instance)
                # moto tags no snapshots of an image: what was asked for is done here.
                found = self.ec2.describe_images(ImageIds=[image])["Images"][0]["BlockDeviceMappings"]
                tags = next(each["Tags"] for each in watched.imaged["TagSpecifications"] if each["ResourceType"] == "snapshot")
                self.ec2.create_tags(Resources=[each["Ebs"]["SnapshotId"] for each in found], Tags=tags)
                return image

            def result(self, instance: str) -> dict[str, Any]:
                if answer is None:
                    return super().result(instance)
                return answer

        monkeypatch.setattr(rehearse_command, "Clones", Clones)

    def sees_image(self, params: dict[str, Any], **_: object) -> dict[str, Any]:
        """Keeps what was asked for, and asks moto for what it knows."""
        self.imaged = dict(params)
        known = [each for each in params["TagSpecifications"] if each["ResourceType"] == "image"]
        return params | {"TagSpecifications": known}


def left(ec2: Any) -> list[str]:
    """What of a rehearsal is still there."""
    mine = [{"Name": "tag-key", "Values": [TAG]}]
    running = [{"Name": "instance-state-name", "Values": ["pending", "running", "stopping", "stopped"]}]
    return [
        *(
            each["InstanceId"]
            for r in ec2.describe_instances(Filters=mine + running)["Reservations"]
            for each in r["Instances"]
        ),
        *(each["ImageId"] for each in ec2.describe_images(Owners=["self"], Filters=mine)["Images"]),
        *(each["SnapshotId"] for each in ec2.describe_snapshots(OwnerIds=["self"], Filters=mine)["Snapshots"]),
        *(each["GroupId"] for each in ec2.describe_security_groups(Filters=mine)["SecurityGroups"]),
    ]


def test_a_clone_of_b_is_promoted_where_it_reaches_nobody_and_is_gone(
    ec2: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    originals = {letter: member(ec2, letter) for letter in "ab"}
    watched = Watched(monkeypatch, GOOD)

    result = run(tmp_path, "--json", *YES)

    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    assert (report["ok"], report["recorded"], report["stages"]["start_iris"], report["stages"]["promote"]) == (
        True,
        True,
        1.0,
        3.5,
    )
    assert (watched.imaged["InstanceId"], watched.imaged["NoReboot"]) == (originals["b"], True)
    assert (watched.group["IpPermissions"], watched.group["IpPermissionsEgress"]) == ([], [])
    launched = watched.launched
    assert "IamInstanceProfile" not in launched
    assert launched["InstanceType"] == "r7i.2xlarge"
    assert launched["InstanceInitiatedShutdownBehavior"] == "terminate"
    assert launched["NetworkInterfaces"][0]["Groups"] == [watched.group["GroupId"]]
    assert all(each["Ebs"]["DeleteOnTermination"] for each in launched["BlockDeviceMappings"])
    # Automation finds members by tags, and must never find a clone.
    assert {tag["Key"] for kind in launched["TagSpecifications"] for tag in kind["Tags"]} == {TAG, "Name"}
    assert left(ec2) == []
    states = ec2.describe_instances(InstanceIds=list(originals.values()))["Reservations"]
    assert {each["State"]["Name"] for r in states for each in r["Instances"]} == {"running"}
    item = boto3.client("dynamodb", "eu-west-1").get_item(
        TableName="trakcare-TRAK-region-state", Key={"key": {"S": "TRAK#rehearsal"}}
    )["Item"]
    assert (item["ok"], item["rto_seconds"]) == ({"BOOL": True}, {"N": str(report["rto_s"])})


def test_what_fails_is_told_and_is_gone_too(ec2: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    member(ec2, "a")
    Watched(monkeypatch, {"ok": False, "step": "promote", "why": "IRIS refused"})

    result = run(tmp_path, *YES)

    assert result.exit_code == 1
    assert "FAILED at promote: IRIS refused" in result.stdout
    assert left(ec2) == []


def test_a_clone_that_says_nothing_is_gone_too(ec2: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    member(ec2, "a")
    Watched(monkeypatch, None)
    monkeypatch.setattr(clone_module, "_RESULT_LOOKS", 2)

    result = run(tmp_path, *YES)

    assert result.exit_code == 1
    assert "has said nothing on its console" in result.stderr
    assert left(ec2) == []


def test_a_security_group_that_lets_something_through_starts_no_clone(
    ec2: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    member(ec2, "a")
    watched = Watched(monkeypatch, GOOD)
    real = rehearse_command.Clones.isolate

    def isolate(self: Any, vpc: str) -> str:
        self.ec2.revoke_security_group_egress = lambda **_: None
        return str(real(self, vpc))

    monkeypatch.setattr(rehearse_command.Clones, "isolate", isolate)

    result = run(tmp_path, *YES)

    assert (result.exit_code, watched.launched) == (1, {})
    assert "still lets something through" in result.stderr
    assert left(ec2) == []


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        ({"region": REGION | {"serving": "dr"}, "move": None}, "a primary isn't cloned"),
        ({"region": REGION, "move": move("committed")}, "a promotion is under way"),
    ],
)
def test_nothing_is_cloned_while_it_matters(
    ec2: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: dict[str, Any], says: str
) -> None:
    member(ec2, "a")
    monkeypatch.setattr(Api, "answer", answer)
    watched = Watched(monkeypatch, GOOD)

    result = run(tmp_path, *YES)

    assert (result.exit_code, watched.imaged) == (3, {})
    assert says in result.stderr


def test_without_a_running_member_or_the_sentence_nothing_is_done(ec2: Any, tmp_path: Path) -> None:
    assert run(tmp_path, *YES).exit_code == 3
    assert run(tmp_path, "--yes", "rehearse").exit_code == 2
    assert "also of one that runs now" in " ".join(run(tmp_path).stderr.split())
    assert left(ec2) == []


def played(
    tmp_path: Path, *, promote: str, code: int = 0, primary: str = '{"done": true}', start: int = 0
) -> dict[str, Any] | None:
    """What the clone's script says, with commands that answer what is stated."""
    programs = tmp_path / "programs"
    programs.mkdir()
    for name, text in {
        "systemctl": f"exit {start}",
        "iris-region": f"""\
echo "$@" >>{tmp_path}/asked
[ "$1" = promote ] && {{ echo '{promote}'; exit {code}; }}
echo '{primary}'""",
    }.items():
        (programs / name).write_text(f"#!/bin/bash\n{text}\n")
        (programs / name).chmod(0o755)
    environment = {
        "PATH": f"{programs}:{Path(shutil.which('bash') or '/bin/bash').parent}:/usr/bin:/bin",
        "CONSOLE": str(tmp_path / "console"),
        "IRIS_REGION": str(programs / "iris-region"),
        "RUN_DIRECTORY": str(tmp_path / "run"),
        "PATIENCE": "0",
        "PAUSE": "0",
    }
    subprocess.run(["bash", "-c", script(), "rehearsal", "r-1"], env=environment, check=False)
    return said((tmp_path / "console").read_text(), "r-1")


def test_the_script_promotes_without_a_partner_and_says_when(tmp_path: Path) -> None:
    answer = played(tmp_path, promote='{"done": true}')

    assert answer is not None
    assert answer["ok"] is True
    assert answer["booted"] <= answer["started"] <= answer["primary"]
    assert (tmp_path / "run/prepared-for-iris").exists()
    assert (tmp_path / "asked").read_text().splitlines()[0] == "promote --partner none --promotion r-1"


@pytest.mark.parametrize(
    ("options", "step"),
    [
        ({"promote": '{"refused": "a \\"running\\" primary; $(x)"}', "code": 3}, "promote"),
        ({"promote": '{"done": true}', "primary": '{"done": false}'}, "await_primary"),
        ({"promote": '{"error": "no IRIS"}', "code": 1, "primary": '{"done": false}'}, "promote"),
        ({"promote": '{"done": true}', "start": 1}, "start"),
    ],
)
def test_the_script_says_where_it_failed(tmp_path: Path, options: dict[str, Any], step: str) -> None:
    answer = played(tmp_path, **options)

    assert answer is not None
    assert (answer["ok"], answer["step"]) == (False, step)


def test_only_what_this_rehearsal_said_counts() -> None:
    mark = "CDK-INTERSYSTEMS-REHEARSAL"
    assert said(f'boot\n{mark} r-2 {{"ok": true}}\n', "r-1") is None
    assert said(f'{mark} r-1 {{"ok": \n{mark} r-1 [1]\n{mark} r-1 {{"ok": 1}}\n', "r-1") is None
    assert said(f'x\r\n{mark} r-1 {{"ok": true}}\r\nlogin:', "r-1") == {"ok": True}


def test_user_data_is_a_configuration_that_ends_the_clone_whatever_happens() -> None:
    head, _, body = user_data("r-1").partition("\n")
    config = yaml.safe_load(body)

    assert head == "#cloud-config"
    # tests/bootstrap/test_rehearsal.py has a host do it.
    (early,) = config["bootcmd"]
    assert early[:2] == ["sh", "-c"]
    assert early[4] == "240min"
    assert "cdk-host.service" in early[5:]
    assert config["runcmd"] == [["bash", "-c", script(), "rehearsal", "r-1"]]
    # Source: EC2 User Guide, "Run commands when you launch an EC2 instance": 16 KB before it is encoded.
    assert len(user_data("r-1")) < 16 * 1024


# The others of this file are of use without it; `make test` brings it where it may, and with ARGS=--no-skips allows no skip.
@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="shellcheck is not installed")
def test_the_scripts_are_clean() -> None:
    early = yaml.safe_load(user_data("r-1").partition("\n")[2])["bootcmd"][0][2]
    for shell, text in (("bash", script()), ("sh", early)):
        done = subprocess.run(["shellcheck", "-s", shell, "-"], input=text, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout

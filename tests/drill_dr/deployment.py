"""config/trakcare.yaml's two regions, deployed by the real CDK CLI, and what of them the drill works with."""

import hashlib
import json
import secrets
import shlex
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from cdk_intersystems.model import names as parameters
from cdk_intersystems.model import tags as names
from local import cdk
from local.clients import Clients
from local.server import EmbeddedAws
from tests.bootstrap.fake_iris.hosts import make_authority
from tests.bootstrap.fake_iris.kit import make_agent_kit, make_kit
from tests.bootstrap.lab.imds import Machine
from tests.drill.load_balancer import Group

ROOT = Path(__file__).parents[2]
CONFIGURATION = ROOT / "config" / "trakcare.yaml"
DEPLOYMENT, MIRROR_SET = "trakcare", "TRAK"
ROLES = ("primary", "dr")
#: Who may ask for a move and who may approve one, by the last part of their roles' ARNs.
REQUESTER, APPROVER = "drill-operator", "drill-approver"
LICENSE = "mirroring, for the drill"
# What the drill doesn't need of the deployment, and would only make it longer.
_LEFT_OUT = ("application_tiers", "web_tiers")
_AUTHORITY = "drill/authority"
_SUPERSERVER_PORT = 11972


@dataclass
class RegionDeployed:
    """One region.

    Attributes:
        role: `primary` or `dr`.
        clients: boto3 clients of it, past the proxy.
        machines: `a`, `b`, `arbiter` -> its instance.
        volumes: Name of a machine -> the volumes it will attach: id, role.
        group: Target group of the superserver.
    """

    role: str
    clients: Clients
    machines: dict[str, Machine]
    volumes: dict[str, list[tuple[str, str]]]
    group: Group


@dataclass
class Deployed:
    """Both.

    Attributes:
        regions: By role.
        system_names: (role, member) -> its system name.
        name: The name that clients use.
        own_names: Role -> the name of the region's own endpoint.
        api: The API's address, as AWS names it.
        table: The table of the regions' state.
    """

    regions: dict[str, RegionDeployed]
    system_names: dict[tuple[str, str], str]
    name: str
    own_names: dict[str, str]
    api: str
    table: str


def deploy(aws: EmbeddedAws, folder: Path, say: Callable[[str], None]) -> Deployed:
    """Deploys both regions.

    Args:
        aws: The embedded AWS.
        folder: An empty folder.
        say: Is told what is being done.
    """
    data = _configuration(aws, folder)
    (folder / "trakcare.yaml").write_text(yaml.safe_dump(data))
    app = shlex.join([sys.executable, str(ROOT / "tests" / "drill" / "app.py"), str(folder)])
    regions = {role: Clients(aws, data["regions"][role]["region"]) for role in ROLES}
    say("synthesizing both regions")
    assembly = cdk.synthesize(aws, app, {})
    say("bootstrapping the account in both regions")
    cdk.bootstrap(aws, [(aws.account, clients.region) for clients in regions.values()], lambda _line: None)
    say("deploying both regions")
    cdk.deploy(aws, assembly, lambda line: say(f"deploying: {line.strip()[:60]}"))
    for clients in regions.values():
        _make_passwords(clients)
    return _found(regions, data)


def _configuration(aws: EmbeddedAws, folder: Path) -> dict[str, Any]:
    """The deployment's own, with kits, secrets and roles that the drill makes."""
    data: dict[str, Any] = yaml.safe_load(CONFIGURATION.read_text())
    files = {"kit": make_kit(folder), "arbiter_kit": make_agent_kit(folder)}
    make_authority(folder / "authority")
    authority = {
        "certificate": (folder / "authority" / "CAFile.pem").read_text(),
        "private_key": (folder / "authority" / "ca.key").read_text(),
    }
    for role in ROLES:
        region = data["regions"][role]["region"]
        clients, bucket = Clients(aws, region), f"drill-kits-{role}"
        clients("s3").create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": region})
        platform = data["platform"] if role == "primary" else data["regions"]["dr"].setdefault("platform", {})
        for key, file in files.items():
            content = file.read_bytes()
            clients("s3").put_object(Bucket=bucket, Key=file.name, Body=content)
            platform[key] = {"uri": f"s3://{bucket}/{file.name}", "sha256": hashlib.sha256(content).hexdigest()}
        make = clients("secretsmanager").create_secret
        make(Name=data["platform"]["license_secret"], SecretString=LICENSE)
        make(Name=_AUTHORITY, SecretString=json.dumps(authority))
    data["platform"] |= {
        "operating_system": "ubuntu2404",
        "packages": "image",
        "certificate_authority": {"secret": _AUTHORITY},
    }
    endpoint = data["mirror_sets"][0]["endpoint"]
    # An overlay address leads clients within its VPC alone: those who come by a name come to the load balancer.
    endpoint["strategies"] = ["polling"]
    endpoint.pop("vip", None)
    role_arn = f"arn:aws:iam::{aws.account}:role"
    data["regions"]["dr"]["promotion"] |= {
        "approvers": [f"{role_arn}/{APPROVER}"],
        "requesters": [f"{role_arn}/{REQUESTER}"],
    }
    data["regions"]["dr"].pop("certificates", None)
    for name in _LEFT_OUT:
        data.pop(name, None)
    return data


def _make_passwords(clients: Clients) -> None:
    """Passwords as Secrets Manager generates them: the embedded AWS doesn't leave out punctuation, which it was asked to do."""
    manager = clients("secretsmanager")
    for secret in manager.list_secrets()["SecretList"]:
        if "Password" in secret["Name"]:
            manager.put_secret_value(SecretId=secret["ARN"], SecretString=secrets.token_hex(16))


def _found(regions: dict[str, Clients], data: dict[str, Any]) -> Deployed:
    dr = regions["dr"]
    dns = data["dns"]
    label = MIRROR_SET.lower()
    ends = f"{dns.get('name', DEPLOYMENT)}.{dns['zone']}"
    letters = {("primary", "a"): "A", ("primary", "b"): "B", ("dr", "a"): "C", ("dr", "b"): "D"}
    read = dr("ssm").get_parameter
    return Deployed(
        regions={role: _region(role, clients) for role, clients in regions.items()},
        system_names={which: f"{MIRROR_SET}{letter}" for which, letter in letters.items()},
        name=f"{label}.{ends}",
        own_names={role: f"{label}-{role}.{ends}" for role in ROLES},
        api=read(Name=parameters.region_api_parameter(DEPLOYMENT, MIRROR_SET))["Parameter"]["Value"],
        table=read(Name=parameters.region_state_parameter(DEPLOYMENT, MIRROR_SET))["Parameter"]["Value"],
    )


def _region(role: str, clients: Clients) -> RegionDeployed:
    ec2 = clients("ec2")
    machines: dict[str, Machine] = {}
    volumes: dict[str, list[tuple[str, str]]] = {}
    ours = [{"Name": f"tag:{names.MIRROR_SET}", "Values": [MIRROR_SET]}]
    for reservation in ec2.describe_instances(Filters=ours)["Reservations"]:
        for each in reservation["Instances"]:
            tags = {tag["Key"]: tag["Value"] for tag in each["Tags"]}
            name, zone = tags[names.MEMBER], each["Placement"]["AvailabilityZone"]
            # The lab knows its hosts by name, and both regions have an `a`.
            known = name if role == "primary" else f"dr-{name}"
            where = (clients.region, zone, clients.account, tags)
            machines[name] = Machine(known, each["InstanceId"], each["PrivateIpAddress"], *where)
    for each in ec2.describe_volumes(Filters=ours)["Volumes"]:
        tags = {tag["Key"]: tag["Value"] for tag in each["Tags"]}
        volumes.setdefault(tags[names.MEMBER], []).append((each["VolumeId"], tags[names.VOLUME]))
    return RegionDeployed(role, clients, machines, volumes, _group(clients))


def _group(clients: Clients) -> Group:
    """The superserver's target group."""
    elb = clients("elbv2")
    for group in elb.describe_target_groups()["TargetGroups"]:
        if group["Port"] == _SUPERSERVER_PORT:
            arn = group["TargetGroupArn"]
            attributes = elb.describe_target_group_attributes(TargetGroupArn=arn)["Attributes"]
            values: dict[str, str] = {each["Key"]: each["Value"] for each in attributes}
            health: Sequence[dict[str, Any]] = elb.describe_target_health(TargetGroupArn=arn)["TargetHealthDescriptions"]
            return Group.deployed("polling", group, values, [each["Target"] for each in health])
    raise LookupError(f"there is no target group for port {_SUPERSERVER_PORT} in {clients.region}")

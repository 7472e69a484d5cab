"""config/trakcare.yaml's network and mirror set, deployed by the real CDK CLI, and what of it the drill works with."""

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

from cdk_intersystems.model import tags as names
from local import cdk
from local.clients import Clients
from local.server import EmbeddedAws
from tests.bootstrap import fake_web_gateway
from tests.bootstrap.fake_iris.kit import make_agent_kit, make_kit
from tests.bootstrap.lab.imds import Machine
from tests.drill.load_balancer import Group
from tests.unit.configuration.regions import one_region

ROOT = Path(__file__).parents[2]
REGION = "eu-west-2"
MIRROR_SET = "TRAK"
VIP = "10.255.0.1"
_BUCKET = "drill-kits"
# What the drill doesn't need of the deployment, and would only make it longer.
_LEFT_OUT = ("application_tiers", "web_tiers", "dns")
LICENSE = "mirroring, for the drill"


@dataclass
class Deployed:
    """What stands in the embedded AWS.

    Attributes:
        clients: boto3 clients, past the fault proxy.
        vpc: The VPC.
        machines: `a`, `b`, `arbiter` -> its instance.
        volumes: Name of a machine -> the volumes it will attach.
        groups: Target groups of the superserver's listener: one with `polling`, one for each member with `listener`.
        listener: ARN of that listener; empty without one.
        table: Name of the epoch table. Empty without automation.
        queue: URL of the router's queue.
        function: Name of the router function.
    """

    clients: Clients
    vpc: str
    machines: dict[str, Machine]
    volumes: dict[str, list[tuple[str, str]]]
    groups: list[Group]
    listener: str
    table: str
    queue: str
    function: str


def deploy(aws: EmbeddedAws, folder: Path, strategies: Sequence[str], say: Callable[[str], None]) -> Deployed:
    """Deploys.

    Args:
        aws: The embedded AWS.
        folder: An empty folder.
        strategies: Of the endpoint.
        say: Is told what is being done.
    """
    clients = Clients(aws, REGION)
    _write_configuration(clients, folder, strategies)
    app = shlex.join([sys.executable, str(ROOT / "tests" / "drill" / "app.py"), str(folder)])
    say("synthesizing")
    assembly = cdk.synthesize(aws, app, {})
    say("bootstrapping the account")
    cdk.bootstrap(aws, [(aws.account, REGION)], lambda _line: None)
    say("deploying network and mirror set")
    cdk.deploy(aws, assembly, lambda line: say(f"deploying: {line.strip()[:60]}"))
    _make_passwords(clients)
    return _found(clients, bool(set(strategies) & {"polling", "listener"}))


def _write_configuration(clients: Clients, folder: Path, strategies: Sequence[str]) -> None:
    data = one_region()
    clients("s3").create_bucket(Bucket=_BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
    for key, kit in (("kit", make_kit(folder, extra=fake_web_gateway.files())), ("arbiter_kit", make_agent_kit(folder))):
        content = kit.read_bytes()
        clients("s3").put_object(Bucket=_BUCKET, Key=kit.name, Body=content)
        data["platform"][key] = {"uri": f"s3://{_BUCKET}/{kit.name}", "sha256": hashlib.sha256(content).hexdigest()}
    data["platform"] |= {"operating_system": "ubuntu2404", "packages": "image"}
    clients("secretsmanager").create_secret(Name=data["platform"]["license_secret"], SecretString=LICENSE)
    endpoint = data["mirror_sets"][0]["endpoint"]
    endpoint["strategies"] = list(strategies)
    endpoint.pop("vip", None)
    if "route_vip" in strategies:
        endpoint["vip"] = VIP
    for name in _LEFT_OUT:
        data.pop(name, None)
    (folder / "trakcare.yaml").write_text(yaml.safe_dump(data))


def _make_passwords(clients: Clients) -> None:
    """Passwords as Secrets Manager generates them: the embedded AWS doesn't leave out punctuation, which it was asked to do."""
    manager = clients("secretsmanager")
    for secret in manager.list_secrets()["SecretList"]:
        if "Password" in secret["Name"]:
            manager.put_secret_value(SecretId=secret["ARN"], SecretString=secrets.token_hex(16))


def _found(clients: Clients, balanced: bool) -> Deployed:
    ec2 = clients("ec2")
    machines: dict[str, Machine] = {}
    volumes: dict[str, list[tuple[str, str]]] = {}
    vpc = ""
    ours = [{"Name": f"tag:{names.MIRROR_SET}", "Values": [MIRROR_SET]}]
    for reservation in ec2.describe_instances(Filters=ours)["Reservations"]:
        for each in reservation["Instances"]:
            tags = {tag["Key"]: tag["Value"] for tag in each["Tags"]}
            name, vpc = tags[names.MEMBER], each["VpcId"]
            zone = each["Placement"]["AvailabilityZone"]
            machines[name] = Machine(name, each["InstanceId"], each["PrivateIpAddress"], REGION, zone, clients.account, tags)
    for each in ec2.describe_volumes(Filters=ours)["Volumes"]:
        tags = {tag["Key"]: tag["Value"] for tag in each["Tags"]}
        volumes.setdefault(tags[names.MEMBER], []).append((each["VolumeId"], tags[names.VOLUME]))
    groups, listener = _load_balancer(clients) if balanced else ([], "")
    table, queue, function = _automation(clients)
    return Deployed(clients, vpc, machines, volumes, groups, listener, table, queue, function)


def _load_balancer(clients: Clients) -> tuple[list[Group], str]:
    """The superserver's target groups and listener."""
    elb = clients("elbv2")
    found = []
    for group in elb.describe_target_groups()["TargetGroups"]:
        arn = group["TargetGroupArn"]
        attributes = elb.describe_target_group_attributes(TargetGroupArn=arn)["Attributes"]
        health = elb.describe_target_health(TargetGroupArn=arn)["TargetHealthDescriptions"]
        if group["Port"] == 11972:
            values = {each["Key"]: each["Value"] for each in attributes}
            targets = [each["Target"] for each in health]
            name = "polling" if len(targets) > 1 else f"listener-{targets[0]['Id'].replace('.', '-')}"
            found.append(Group.deployed(name, group, values, targets))
    for balancer in elb.describe_load_balancers()["LoadBalancers"]:
        for each in elb.describe_listeners(LoadBalancerArn=balancer["LoadBalancerArn"])["Listeners"]:
            if each["Port"] == 1972:
                return found, str(each["ListenerArn"])
    return found, ""


def _automation(clients: Clients) -> tuple[str, str, str]:
    """Table, queue and function of the router, as the function's configuration names them."""
    for function in clients("lambda").list_functions()["Functions"]:
        variables = function.get("Environment", {}).get("Variables", {})
        if "ROUTER" in variables:
            given: dict[str, Any] = json.loads(variables["ROUTER"])
            sources = clients("lambda").list_event_source_mappings(FunctionName=function["FunctionName"])
            arn = sources["EventSourceMappings"][0]["EventSourceArn"]
            url = clients("sqs").get_queue_url(QueueName=arn.rpartition(":")[2])["QueueUrl"]
            return given["table"], url, function["FunctionName"]
    return "", "", ""

"""AWS as the router sees it: moto in this process, with a mirror set's table, queues, instances, route tables and listeners.

What moto lets through and AWS does not, is not relied on: whether calls are granted is compared with the synthesized policy by
the infra tests.
"""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest import mock

import boto3
from moto import mock_aws

REGION = "eu-west-2"
VIP = "10.255.0.1"
NAMES = {"cdk-intersystems:deployment": "trakcare", "cdk-intersystems:mirror-set": "TRAK"}


def _tags(kind: str, tags: dict[str, str]) -> list[dict[str, Any]]:
    return [{"ResourceType": kind, "Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}]


def leading_to(member: str, groups: dict[str, str]) -> dict[str, Any]:
    """A listener's action that leads to a member, as the template has it: the other's group stands beside it."""
    weights = [{"TargetGroupArn": arn, "Weight": int(name == member)} for name, arn in groups.items()]
    return {"Type": "forward", "ForwardConfig": {"TargetGroups": weights}}


@dataclass
class Context:
    """What Lambda hands to a function."""

    seconds: float = 30.0
    function_name: str = "router"
    memory_limit_in_mb: int = 256
    invoked_function_arn: str = "arn:aws:lambda:eu-west-2:123456789012:function:router"
    aws_request_id: str = "1"

    def get_remaining_time_in_millis(self) -> int:
        return int(1000 * self.seconds)


@dataclass
class World:
    """A mirror set in moto.

    Attributes:
        calls: Service and action of each call of the router, in their order, with the parameters.
        instances: Member -> its instance.
        answers: Member -> what its mirror status says.
    """

    tables: list[str] = field(default_factory=list)
    calls: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)
    instances: dict[str, str] = field(default_factory=dict)
    listeners: dict[str, dict[str, str]] = field(default_factory=dict)
    answers: dict[str, str] = field(default_factory=lambda: {"a": "primary", "b": "not primary"})

    def __post_init__(self) -> None:
        self.ec2 = boto3.client("ec2", REGION)
        self.sqs = boto3.client("sqs", REGION)
        self.dynamodb = boto3.client("dynamodb", REGION)
        self.elbv2 = boto3.client("elbv2", REGION)
        self.vpc = self.ec2.create_vpc(CidrBlock="10.20.0.0/16")["Vpc"]["VpcId"]
        self.subnets = [
            self.ec2.create_subnet(VpcId=self.vpc, CidrBlock=f"10.20.{n}.0/24", AvailabilityZone=f"{REGION}{zone}")["Subnet"][
                "SubnetId"
            ]
            for n, zone in ((1, "a"), (2, "b"))
        ]
        for member in "ab":
            self.instances[member] = self.launch(member)
        self.dynamodb.create_table(
            TableName="epochs",
            KeySchema=[{"AttributeName": "record", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "record", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        self.parked = self.sqs.create_queue(QueueName="parked.fifo", Attributes={"FifoQueue": "true"})["QueueUrl"]

    def launch(self, member: str) -> str:
        """Starts an instance that is tagged as a member."""
        launched = self.ec2.run_instances(
            ImageId="ami-12c6146b",
            MinCount=1,
            MaxCount=1,
            SubnetId=self.subnets[0],
            TagSpecifications=_tags("instance", {**NAMES, "cdk-intersystems:member": member}),
        )
        return str(launched["Instances"][0]["InstanceId"])

    def add_tables(self, *subnets: str) -> list[str]:
        """Makes route tables of the deployment, for these kinds of subnets."""
        made = [
            self.ec2.create_route_table(
                VpcId=self.vpc,
                TagSpecifications=_tags("route-table", {**NAMES, "cdk-intersystems:subnets": kind}),
            )["RouteTable"]["RouteTableId"]
            for kind in subnets
        ]
        self.tables += made
        return made

    def add_listener(self, port: int) -> str:
        """Makes a listener with a target group for each member, that leads to a."""
        made = self.elbv2.create_load_balancer(Name=f"lb{port}", Subnets=self.subnets, Type="network", Scheme="internal")
        groups = {
            member: self.elbv2.create_target_group(
                Name=f"{member}{port}", Protocol="TCP", Port=port, VpcId=self.vpc, TargetType="ip"
            )["TargetGroups"][0]["TargetGroupArn"]
            for member in "ab"
        }
        listener = self.elbv2.create_listener(
            LoadBalancerArn=made["LoadBalancers"][0]["LoadBalancerArn"],
            Protocol="TCP",
            Port=port,
            DefaultActions=[leading_to("a", groups)],
        )["Listeners"][0]["ListenerArn"]
        self.listeners[listener] = groups
        return str(listener)

    def environment(self, *, vip: bool = True, explicit: bool = False) -> dict[str, str]:
        """The function's environment."""
        route_vip = {"vip": VIP, "vpc": self.vpc, **({"route_tables": self.tables} if explicit else {})}
        settings = {
            "deployment": "trakcare",
            "mirror_set": "TRAK",
            "table": "epochs",
            "dead_letter_queue": self.parked,
            "members": {"a": "127.0.0.1", "b": "127.0.0.2"},
            "status_port": 1,
            "status_path": "/csp/bin/mirror_status.cxw",
            "route_vip": route_vip if vip else None,
            "listeners": self.listeners,
        }
        return {"ROUTER": json.dumps(settings)}

    def claim(self, epoch: int, member: str, /, **changes: Any) -> None:
        """Writes the claim as a member does; `changes` damage it."""
        item = {
            "record": {"S": "TRAK"},
            "epoch": {"N": str(epoch)},
            "member": {"S": member},
            "instance_id": {"S": self.instances[member]},
            "taken_at": {"S": "2026-01-31T10:00:00.123Z"},
            "taken_by": {"S": "TRAKA/takeover"},
        }
        self.dynamodb.put_item(TableName="epochs", Item={**item, **changes})

    def routed(self) -> tuple[int, str] | None:
        """Epoch and member that were confirmed."""
        item = self.dynamodb.get_item(TableName="epochs", Key={"record": {"S": "TRAK#routed"}}).get("Item")
        return (int(item["epoch"]["N"]), item["member"]["S"]) if item else None

    def leads(self) -> list[str]:
        """To which member each route table leads; empty where there is no route."""
        names = {instance: member for member, instance in self.instances.items()}
        found = []
        for table in self.ec2.describe_route_tables(RouteTableIds=self.tables)["RouteTables"]:
            routes = [route for route in table["Routes"] if route.get("DestinationCidrBlock") == f"{VIP}/32"]
            found.append(names.get(routes[0]["InstanceId"], routes[0]["InstanceId"]) if routes else "")
        return found

    def listener_leads(self) -> list[str]:
        """To which member each listener leads."""
        found = []
        for listener in self.elbv2.describe_listeners(ListenerArns=list(self.listeners))["Listeners"]:
            members = {arn: member for member, arn in self.listeners[listener["ListenerArn"]].items()}
            (action,) = listener["DefaultActions"]
            weights = {members[each["TargetGroupArn"]]: each["Weight"] for each in action["ForwardConfig"]["TargetGroups"]}
            # The idle member's group stays, so that its target is health-checked.
            assert set(weights) == set("ab"), weights
            assert sorted(weights.values()) == [0, 1], weights
            found += [member for member, weight in weights.items() if weight]
        return found

    def parked_messages(self) -> list[tuple[str, str]]:
        """Body and reason of what was parked."""
        got = self.sqs.receive_message(
            QueueUrl=self.parked, MaxNumberOfMessages=10, MessageAttributeNames=["All"], VisibilityTimeout=0
        )
        return [(each["Body"], each["MessageAttributes"]["reason"]["StringValue"]) for each in got.get("Messages", [])]

    def send(self, *bodies: object, seconds: float = 30.0, **environment: Any) -> list[str]:
        """Hands messages to the function, as Lambda does, and returns which are to come again."""
        texts = [body if isinstance(body, str) else json.dumps(body) for body in bodies]
        records = [
            {"messageId": str(number), "body": text, "attributes": {"MessageGroupId": "TRAK"}}
            for number, text in enumerate(texts)
        ]
        answer = self.invoke({"Records": records}, seconds=seconds, **environment)
        return [each["itemIdentifier"] for each in answer["batchItemFailures"]]

    def invoke(self, event: dict[str, Any], seconds: float = 30.0, **environment: Any) -> dict[str, Any]:
        """Invokes the function, warm or cold."""
        from mirror_router import handler, mirror_status
        from mirror_router.settings import settings

        settings.cache_clear()
        # It has kept what was standard output when it was made.
        handler.logger.registered_handler.stream = sys.stdout  # type: ignore[attr-defined]
        with (
            mock.patch.dict("os.environ", self.environment(**environment)),
            mock.patch.object(mirror_status, "ask", lambda _settings, member: self.answers[member]),
            mock.patch.object(handler, "_SERVING_SECONDS", 0.0),
        ):
            answer: dict[str, Any] = handler.handler(event, Context(seconds))
            return answer

    def count(self, action: str) -> int:
        """How often the router made a call."""
        return sum(made == action for _, made, _ in self.calls)


def message(epoch: int, member: str = "b", /, **changes: object) -> dict[str, object]:
    """A message as members send it."""
    sent: dict[str, object] = {"schema": 1, "kind": "claim", "mirror_set": "TRAK", "member": member, "epoch": epoch}
    return {**sent, "taken_at": "2026-01-31T10:00:00.123Z", **changes}


@contextmanager
def router_world() -> Iterator[World]:
    """A world whose router is cold, and whose calls are noted."""
    environment = {
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "POWERTOOLS_METRICS_NAMESPACE": "cdk-intersystems",
        "POWERTOOLS_TRACE_DISABLED": "true",
    }
    with mock.patch.dict("os.environ", environment), mock_aws():
        from mirror_router import handler

        handler.client.cache_clear()
        handler.instances.cache_clear()
        world = World()

        def note(params: dict[str, Any], model: Any, **_kwargs: Any) -> None:
            world.calls.append((model.service_model.service_name, model.name, dict(params)))

        for service in ("ec2", "dynamodb", "elbv2", "sqs"):
            handler.client(service).meta.events.register("provide-client-params.*.*", note)
        yield world
        handler.client.cache_clear()
        handler.instances.cache_clear()

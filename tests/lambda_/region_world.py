"""AWS as a move between regions sees it: moto in this process, two regions, and hosts that answer as a mirror does.

What moto lets through and AWS does not, is not relied on: whether calls are granted is compared with the synthesized policy.
"""

import json
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock
from urllib.parse import parse_qs, urlsplit

import boto3
from botocore.exceptions import EndpointConnectionError
from moto import mock_aws
from moto.core.botocore_stubber import BotocoreStubber

from tests.lambda_.region_mirror import DR_NAMES, HOME_NAMES, Mirror

DR, HOME, ACCOUNT = "eu-west-1", "eu-west-2", "123456789012"
FULL, FALLBACK, WARM = "r7i.8xlarge", "r6i.8xlarge", "r7i.2xlarge"
TABLE = "trakcare-TRAK-region-state"
TAGS = {"cdk-intersystems:deployment": "trakcare", "cdk-intersystems:mirror-set": "TRAK"}
SENTENCE = "I accept the loss of records that TRAK has not copied"
ANNE = f"arn:aws:sts::{ACCOUNT}:assumed-role/Operators/anne"
BOB = f"arn:aws:sts::{ACCOUNT}:assumed-role/Leads/bob"
SETTINGS: dict[str, Any] = {
    "deployment": "trakcare",
    "mirror_set": "TRAK",
    "table": TABLE,
    "home": "primary",
    "old_region": HOME,
    "system_names": DR_NAMES,
    "others": {"TRAKA": "10.20.1.4", "TRAKB": "10.20.2.4"},
    "document": "cdk-intersystems-trakcare-TRAK-region",
    "fenced_parameter": "/cdk-intersystems/trakcare/TRAK/fenced",
    "full_type": FULL,
    "fallback_types": [FALLBACK],
    "warm_type": WARM,
    "tiers": [{"name": "app", "min": 3, "max": 6, "warm_min": 1, "warm_max": 2}],
    "lag_limit_seconds": 60,
    "approval_seconds": 1800,
    "approvers": [f"arn:aws:iam::{ACCOUNT}:role/people/Leads"],
    "requesters": [f"arn:aws:iam::{ACCOUNT}:role/Operators", f"arn:aws:iam::{ACCOUNT}:role/people/Leads"],
    "watch": "trakcare-TRAK-region-watch",
    "readiness": "trakcare-TRAK-region-readiness",
    "state_machine": f"arn:aws:states:{DR}:{ACCOUNT}:stateMachine:trakcare-TRAK-region",
}
STEPS = "trakcare-TRAK-region-steps"
PLAN = f"arn:aws:arc-region-switch::{ACCOUNT}:plan/trakcare-TRAK:a1b2c3"
_SHORT = "<Response><Errors><Error><Code>InsufficientInstanceCapacity</Code><Message>none</Message></Error></Errors></Response>"
Reply = tuple[int, dict[str, str], str]


class _Clock:
    """The world's time for a function that waits in it."""

    def __init__(self, world: "World") -> None:
        self._world = world
        self.gmtime, self.strftime = time.gmtime, time.strftime

    def monotonic(self) -> float:
        return self._world.now

    def sleep(self, seconds: float) -> None:
        self._world.now += seconds


class World:
    """Two regions and a mirror.

    Attributes:
        now: The time.
        calls: Service, action, parameters and region of each call of the functions, in their order.
        down: Regions of which no service answers.
        short: Instance types that there is no capacity for.
        executions: Name of each execution that was started, with its input.
        woken: Tokens by which the workflow was woken.
        fails: Called before each command that a host is sent; what it raises is what the host fails with.
        agentless: Hosts whose agent does not run, so that no command can be sent to them.
        silent: Hosts (system names) that take commands and never answer.
        parameters: Region -> what its parameter says of who serves.
        watch_works: Whether the watch delivers the latch.
        kills: Called before each step that another function runs; what it raises, the step fails with.
        switch_refuses: The error that Region switch answers with; empty: it does what it is asked.
    """

    def __init__(self) -> None:
        self.now = 1_800_000_000.0
        self.calls: list[tuple[str, str, dict[str, Any], str]] = []
        self.down: set[str] = set()
        self.short: set[str] = set()
        self.executions: dict[str, dict[str, Any]] = {}
        self.woken: list[str] = []
        self.tokens = 0
        self.agentless: set[str] = set()
        self.silent: set[str] = set()
        self.fails: Callable[[str, str], None] = lambda _name, _command: None
        self.watch_works = True
        self.kills: Callable[[str], None] = lambda _step: None
        self.switch_refuses = ""
        self._inside = False
        self.mirror = Mirror(HOME, DR)
        self.parameters: dict[str, Any] = {}
        self.changes: dict[str, Any] = {}
        self._commands: dict[str, dict[str, Any] | None] = {}
        self._before = {each: boto3.client(each, DR) for each in ("dynamodb", "autoscaling", "ec2")}
        self.dynamodb, self.autoscaling = self._before["dynamodb"], self._before["autoscaling"]
        self.ec2 = {DR: self._before["ec2"], HOME: boto3.client("ec2", HOME)}
        self.dynamodb.create_table(
            TableName=TABLE,
            KeySchema=[{"AttributeName": "key", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "key", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        self.hosts: dict[str, str] = {}
        for region, names, kind in ((DR, DR_NAMES, WARM), (HOME, HOME_NAMES, FULL)):
            subnet = self.ec2[region].describe_subnets()["Subnets"][0]["SubnetId"]
            for member, name in names.items():
                self.hosts[name] = self._launch(region, subnet, member, kind)
        self._make_tier()

    def _launch(self, region: str, subnet: str, member: str, kind: str) -> str:
        tags = {**TAGS, "cdk-intersystems:member": member}
        launched = self.ec2[region].run_instances(
            ImageId="ami-12c6146b",
            MinCount=1,
            MaxCount=1,
            SubnetId=subnet,
            InstanceType=kind,
            TagSpecifications=[
                {"ResourceType": "instance", "Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}
            ],
        )
        return str(launched["Instances"][0]["InstanceId"])

    def _make_tier(self) -> None:
        self.autoscaling.create_launch_configuration(
            LaunchConfigurationName="app", ImageId="ami-12c6146b", InstanceType="m7i.large"
        )
        tags = {"cdk-intersystems:deployment": "trakcare", "cdk-intersystems:tier": "app"}
        self.autoscaling.create_auto_scaling_group(
            AutoScalingGroupName="app-1",
            LaunchConfigurationName="app",
            MinSize=1,
            MaxSize=2,
            DesiredCapacity=1,
            AvailabilityZones=[f"{DR}a"],
            Tags=[
                {
                    "Key": key,
                    "Value": value,
                    "ResourceId": "app-1",
                    "ResourceType": "auto-scaling-group",
                    "PropagateAtLaunch": True,
                }
                for key, value in tags.items()
            ],
        )

    # What there is.

    def host(self, name: str) -> dict[str, Any]:
        """An instance, by its system name."""
        region = self.mirror.members[name].place
        described = self.ec2[region].describe_instances(InstanceIds=[self.hosts[name]])
        found: dict[str, Any] = described["Reservations"][0]["Instances"][0]
        return found

    def tier(self) -> tuple[int, int, int]:
        """Minimum, maximum and desired capacity of the tier."""
        (group,) = self.autoscaling.describe_auto_scaling_groups(AutoScalingGroupNames=["app-1"])["AutoScalingGroups"]
        return group["MinSize"], group["MaxSize"], group["DesiredCapacity"]

    def item(self, suffix: str = "") -> dict[str, Any] | None:
        """An item of the table."""
        found: dict[str, Any] | None = self.dynamodb.get_item(TableName=TABLE, Key={"key": {"S": f"TRAK{suffix}"}}).get("Item")
        return found

    def lose_home(self) -> None:
        """Loses the home region: its members, and every service of it."""
        self.mirror.lose(HOME)
        self.down.add(HOME)

    def everything(self) -> tuple[Any, ...]:
        """What a refusal leaves as it was."""
        mirror = {name: vars(member).copy() for name, member in self.mirror.members.items()}
        items = sorted(self.dynamodb.scan(TableName=TABLE)["Items"], key=lambda item: item["key"]["S"])
        kinds = {name: (self.host(name)["InstanceType"], self.host(name)["State"]["Name"]) for name in self.hosts}
        return mirror, items, kinds, self.tier(), dict(self.executions)

    # What is done.

    def environment(self) -> dict[str, str]:
        """The functions' environment."""
        return {"REGION_PROMOTION": json.dumps({**SETTINGS, **self.changes}), "AWS_REGION": DR}

    def step(self, name: str, move: str = "", **more: Any) -> dict[str, Any]:
        """Runs a step, as the workflow does."""
        from region_promotion import handler

        event = {"step": name, "mirror_set": "TRAK", "promotion": move or self.current(), **more}
        with self._functions():
            return handler.handler(event)

    def ask(self, route: str, body: Any = None, *, arn: str = ANNE, id: str = "", **more: Any) -> tuple[int, dict[str, Any]]:
        """Asks the API, as API Gateway hands it on."""
        from region_promotion import api

        event = {
            "version": "2.0",
            "routeKey": route,
            "requestContext": {"authorizer": {"iam": {"userArn": arn, "accountId": ACCOUNT}}},
            "pathParameters": {"id": id or self.current()} if "{id}" in route else None,
            "body": body if body is None or isinstance(body, str) else json.dumps(body),
            "isBase64Encoded": False,
            **more,
        }
        with self._functions():
            answer = api.handler(event)
        return answer["statusCode"], json.loads(answer["body"])

    def request(self, kind: str = "promotion", *, loss: bool = False) -> tuple[int, dict[str, Any]]:
        """Anne asks for a move."""
        accepts = {"accept_data_loss": SENTENCE} if loss else {}
        return self.ask("POST /moves", {"kind": kind, "reason": "a test", **accepts})

    def approve(self, arn: str = BOB, **other: Any) -> tuple[int, dict[str, Any]]:
        """Bob approves what he reads."""
        move = self.ask("GET /moves/current", arn=arn)[1].get("move") or {}
        given = {"plan_hash": move.get("plan_hash", "0" * 64), "epoch": move.get("epoch", 1), **other}
        return self.ask("POST /moves/{id}/approval", given, arn=arn)

    def current(self) -> str:
        """Id of the move under way."""
        item = self.item("#current")
        return item["id"]["S"] if item else "m-20260131t120000-0123abcd"

    @contextmanager
    def _functions(self) -> Iterator[None]:
        from region_promotion import api, handler, region_switch
        from region_promotion.settings import settings
        from region_promotion.state_table import StateTable

        settings.cache_clear()

        def table(dynamodb: Any, given: Any) -> StateTable:
            return StateTable(dynamodb, given, lambda: self.now)

        with (
            mock.patch.dict("os.environ", self.environment()),
            mock.patch.object(handler, "StateTable", table),
            mock.patch.object(api, "StateTable", table),
            mock.patch.object(region_switch, "StateTable", table),
            mock.patch.object(region_switch, "time", _Clock(self)),
            mock.patch.object(region_switch, "_AGAIN_SECONDS", 15.0),
        ):
            self._inside = True
            try:
                yield
            finally:
                self._inside = False
        settings.cache_clear()

    def switch(self, name: str, **more: Any) -> dict[str, Any]:
        """Runs a step of the Region switch plan, as Region switch does."""
        from region_promotion import region_switch

        metadata = {"InvokedBy": "arc-region-switch", "PlanArn": PLAN, "ExecutionId": f"{DR}/0123456789abcdef"}
        with self._functions():
            return region_switch.handler({**metadata, "StepName": name, **more})

    # What AWS answers that moto doesn't.

    def reply(self, request: Any) -> Reply | None:
        """Answers for Systems Manager, Lambda and Step Functions, and where there is no capacity; None: moto does."""
        parts = urlsplit(request.url)
        service, region = parts.netloc.split(".")[:2]
        if self._inside and region in self.down:
            raise EndpointConnectionError(endpoint_url=request.url)
        target = str(_text(request.headers.get("X-Amz-Target", ""))).rsplit(".", 1)[-1]
        if service == "ec2":
            return self._capacity(parse_qs(_text(request.body)), region)
        if service == "arc-region-switch":
            refused = {"__type": self.switch_refuses, "message": "not now"}
            return (400, {}, json.dumps(refused)) if self.switch_refuses else (200, {}, "{}")
        if service == "lambda":
            return self._invoke(parts.path, json.loads(_text(request.body)))
        if target == "SendCommand" and self._has_no_agent(json.loads(_text(request.body))):
            return 400, {}, '{"__type": "InvalidInstanceId", "message": "not in a valid state for account"}'
        if service in ("ssm", "states"):
            action = re.sub(r"(?<!^)(?=[A-Z])", "_", target).lower()
            return 200, {}, json.dumps(getattr(self, f"_{action}")(json.loads(_text(request.body)), region))
        return None

    def _has_no_agent(self, given: dict[str, Any]) -> bool:
        return any(self.hosts[name] in given["InstanceIds"] for name in self.agentless)

    def _capacity(self, given: dict[str, list[str]], region: str) -> Reply | None:
        if given.get("Action") != ["StartInstances"]:
            return None
        (described,) = self.ec2[region].describe_instances(InstanceIds=given["InstanceId.1"])["Reservations"]
        return (500, {}, _SHORT) if described["Instances"][0]["InstanceType"] in self.short else None

    def _invoke(self, path: str, given: dict[str, Any]) -> Reply:
        name = path.split("/")[3]
        if name == SETTINGS["readiness"]:
            return 202, {}, ""
        if name == STEPS:
            return self._run_step(given)
        assert name == SETTINGS["watch"]
        assert given["mirror_set"] == "TRAK"
        region = self.item()
        if self.watch_works and region is not None:
            item = {"key": {"S": "TRAK#latch"}, "epoch": region["latch_epoch"]}
            self.dynamodb.put_item(TableName=TABLE, Item=item)
        said = {
            f"{'dr' if each.place == DR else 'elsewhere'} {name}": "primary" if each.status == "Primary" else "not primary"
            for name, each in self.mirror.members.items()
        }
        return 200, {}, json.dumps({"done": self.watch_works, "members": said if given["kind"] == "look" else {}})

    def _run_step(self, given: dict[str, Any]) -> Reply:
        """The steps' function, as Lambda runs it for another function."""
        from region_promotion import handler

        try:
            self.kills(given["step"])
            return 200, {}, json.dumps(handler.handler(given))
        except Exception as error:
            said = {"errorType": type(error).__name__, "errorMessage": str(error)}
            return 200, {"X-Amz-Function-Error": "Unhandled"}, json.dumps(said)

    def _put_parameter(self, given: dict[str, Any], region: str) -> dict[str, Any]:
        self.parameters[region] = json.loads(given["Value"])
        return {"Version": 1, "Tier": "Standard"}

    def _send_command(self, given: dict[str, Any], region: str) -> dict[str, Any]:
        (instance,), (command,), (arguments,) = (
            given["InstanceIds"],
            given["Parameters"]["Command"],
            given["Parameters"]["Arguments"],
        )
        (name,) = (each for each, host in self.hosts.items() if host == instance)
        assert self.mirror.members[name].place == region
        assert given["DocumentName"] == SETTINGS["document"]
        assert re.fullmatch(r"[A-Za-z0-9 ._-]*", arguments)
        id = f"{len(self._commands):08d}-0000-0000-0000-000000000000"
        self._commands[id] = None if name in self.silent else self._outcome(name, command, arguments)
        return {"Command": {"CommandId": id, "Status": "Pending"}}

    def _outcome(self, name: str, command: str, arguments: str) -> dict[str, Any]:
        try:
            self.fails(name, command)
        except RuntimeError as error:
            return {"Status": "Failed", "ResponseCode": 1, "StandardErrorContent": str(error)}
        code, said = self.mirror.run(name, command, arguments)
        return {
            "Status": "Success" if code == 0 else "Failed",
            "ResponseCode": code,
            "StandardOutputContent": f"{json.dumps(said)}\n",
        }

    def _get_command_invocation(self, given: dict[str, Any], _region: str) -> dict[str, Any]:
        outcome = self._commands[given["CommandId"]]
        return {"CommandId": given["CommandId"], "InstanceId": given["InstanceId"], **(outcome or {"Status": "InProgress"})}

    def _start_execution(self, given: dict[str, Any], _region: str) -> dict[str, Any]:
        self.executions[given["name"]] = json.loads(given["input"])
        return {"executionArn": f"arn:aws:states:{DR}:{ACCOUNT}:execution:trakcare-TRAK-region:{given['name']}", "startDate": 0}

    def _send_task_success(self, given: dict[str, Any], _region: str) -> dict[str, Any]:
        self.woken.append(given["taskToken"])
        return {}


def _text(given: Any) -> str:
    return given.decode() if isinstance(given, bytes) else str(given or "")


@contextmanager
def region_world() -> Iterator[World]:
    """A world whose functions are cold, and whose calls are noted."""
    environment = {
        "AWS_DEFAULT_REGION": DR,
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "POWERTOOLS_METRICS_NAMESPACE": "cdk-intersystems",
        "POWERTOOLS_TRACE_DISABLED": "true",
        # Thousands that nobody needs, for each region and test.
        "MOTO_EC2_LOAD_DEFAULT_AMIS": "false",
    }
    with mock.patch.dict("os.environ", environment), mock_aws():
        from region_promotion import endpoints, handler, hosts, region_switch, steps_database

        endpoints.client.cache_clear()
        region_switch._steps.cache_clear()
        world = World()
        original, made = BotocoreStubber.process_request, boto3.client

        def process(stubber: BotocoreStubber, request: Any) -> Any:
            answer = world.reply(request)
            return original(stubber, request) if answer is None else answer

        def client(service: str, region_name: str, **given: Any) -> Any:
            new = made(service, region_name=region_name, **given)

            def note(params: dict[str, Any], model: Any, **_kwargs: Any) -> None:
                world.calls.append((model.service_model.service_name, model.name, dict(params), region_name))

            new.meta.events.register("provide-client-params.*.*", note)
            return new

        with (
            mock.patch.object(BotocoreStubber, "process_request", process),
            mock.patch.object(endpoints.boto3, "client", client),
            mock.patch.object(hosts, "_WAIT_SECONDS", 0.0),
            mock.patch.object(hosts, "_EVERY_SECONDS", 0.0),
            mock.patch.object(handler, "_ASK_SECONDS", 0.0),
            mock.patch.object(steps_database, "FENCE_SECONDS", 0.0),
        ):
            yield world
        endpoints.client.cache_clear()
        region_switch._steps.cache_clear()

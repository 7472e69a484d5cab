"""The deployed region failover, and what a test of it does: as people, as a disaster, and as one who looks."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

from local.clients import Clients
from local.server import EmbeddedAws

from .agents import tell
from .faults import Asked, FaultyWay
from .mirror_sets import until
from .names import Names
from .region_world import PLACES, REGIONS, Agents, Mirror
from .signed import Answer, Caller

OPERATOR, APPROVER = ("operator", "ada"), ("approver", "grace")
MIRROR_SET, TABLE = "TRAK", "fixture-TRAK-region-state"
NAME = "trak.fixture.example.org"
_SECONDS = 120
WARM = "r7i.2xlarge"


class Moves:
    """What tests of moves between regions have at hand.

    Attributes:
        aws: The embedded AWS.
        way: Between the functions and AWS.
        mirror: The scripted members.
        instances: System name -> instance.
        api: The API's address.
        deploy: Deploys the app, with what a test wants to be different.
    """

    SENTENCE: ClassVar[str] = "I accept the loss of records that TRAK has not copied"

    def __init__(  # noqa: PLR0917
        self,
        aws: EmbeddedAws,
        way: FaultyWay,
        mirror: Mirror,
        agents: Agents,
        instances: dict[str, str],
        api: str,
        answers: Path,
        deploy: Callable[..., None],
    ) -> None:
        self.aws, self.way, self.mirror, self.instances, self.api, self.deploy = aws, way, mirror, instances, api, deploy
        self._agents = agents
        self.clients = {role: Clients(aws, region) for role, region in REGIONS.items()}
        self._names = Names({each.region: each for each in self.clients.values()}, answers, by_the_second=True)
        self._asked: dict[str, list[Asked]] = {}
        self.operator = self.person(*OPERATOR)
        self.approver = self.person(*APPROVER)

    def person(self, role: str, session: str) -> Caller:
        """Somebody who has assumed a role."""
        return Caller.assuming(self.aws, REGIONS["dr"], self.api, role, session)

    # How things stand before a test

    def begin(self, serving: str = "primary") -> None:
        """As after the deployment; or as after a promotion that is long over."""
        self.way.lost.clear()
        self.short_of()
        for role in REGIONS:
            self._agents.connect(role, yes=True)
        self.mirror.reset()
        dynamodb = self.clients["dr"]("dynamodb")
        for item in dynamodb.scan(TableName=TABLE)["Items"]:
            dynamodb.delete_item(TableName=TABLE, Key={"key": item["key"]})
        if serving == "dr":
            self._promoted_long_ago(dynamodb)
        self._size("dr", FULL if serving == "dr" else WARM, (3, 6) if serving == "dr" else (1, 2))
        self.look()

    def _promoted_long_ago(self, dynamodb: Any) -> None:
        texts = {"key": MIRROR_SET, "serving": "dr", "since": "2026-01-01T00:00:00.000Z", "by": "m-20260101t000000-00000000"}
        numbers = dict.fromkeys(("epoch", "latch_epoch", "version"), "1")
        item = {name: {"S": value} for name, value in texts.items()} | {name: {"N": value} for name, value in numbers.items()}
        dynamodb.put_item(TableName=TABLE, Item=item)
        for name, (role, member) in PLACES.items():
            found = self.mirror.members[name]
            found.kind = "Failover" if role == "dr" else "Disaster Recovery"
            found.status = {"dr a": "Primary", "dr b": "Backup"}.get(f"{role} {member}", "Connected")

    def _size(self, role: str, instance_type: str, tier: tuple[int, int]) -> None:
        ec2 = self.clients[role]("ec2")
        for name, (where, _) in PLACES.items():
            if where == role and self.instance_type(name) != instance_type:
                ids = [self.instances[name]]
                ec2.stop_instances(InstanceIds=ids)
                ec2.modify_instance_attribute(InstanceId=ids[0], InstanceType={"Value": instance_type})
                ec2.start_instances(InstanceIds=ids)
        group = self._group()["AutoScalingGroupName"]
        self.clients["dr"]("autoscaling").update_auto_scaling_group(
            AutoScalingGroupName=group, MinSize=tier[0], MaxSize=tier[1], DesiredCapacity=tier[0]
        )

    # As a disaster

    def lose_primary(self) -> None:
        """The primary region is gone: its members, its agents, and every service in it."""
        self.mirror.lose("primary")
        self._agents.connect("primary", yes=False)
        self.way.lost.add(REGIONS["primary"])

    def bring_back_primary(self) -> None:
        """Its services, its agents, and its members, as they were left: each still takes itself for what it was."""
        self.mirror.lost.clear()
        self.mirror.members["TRAKA"].status = "Primary"
        self.way.lost.clear()
        self._agents.connect("primary", yes=True)

    def short_of(self, *types: str) -> None:
        """Has the DR region have no capacity for instance types."""
        short = [{"where": REGIONS["dr"], "instance_type": each} for each in types]
        tell(self.aws.endpoint, "shortage", short=short)

    def stop_workflow(self) -> None:
        """Stops the current move's workflow, as somebody does in the console of Step Functions, or a fault of it."""
        move = self.current()["id"]
        workflows = self.clients["dr"]("stepfunctions")
        machines = [each["stateMachineArn"] for each in workflows.list_state_machines()["stateMachines"]]
        running = [workflows.list_executions(stateMachineArn=each, statusFilter="RUNNING")["executions"] for each in machines]
        # Those of moves whose records a test has thrown away still wait.
        (found,) = (each["executionArn"] for some in running for each in some if each["name"].startswith(move))
        workflows.stop_execution(executionArn=found)

    # As people

    def request(self, kind: str, accept_data_loss: str | None = None, caller: Caller | None = None) -> Answer:
        """Asks for a move."""
        body = {"kind": kind, "reason": "a test"}
        if accept_data_loss:
            body["accept_data_loss"] = accept_data_loss
        return (caller or self.operator).call("POST", "/moves", body)

    def current(self) -> dict[str, Any]:
        """The move that is under way, or the last one."""
        found: dict[str, Any] = self.operator.call("GET", "/moves/current").body["move"] or {}
        return found

    def approve(self, move: dict[str, Any], caller: Caller | None = None, **other: Any) -> Answer:
        """Approves a move as it is shown, or something else of it."""
        body = {"plan_hash": move["plan_hash"], "epoch": move["epoch"], **other}
        return (caller or self.approver).call("POST", f"/moves/{move['id']}/approval", body)

    def until_state(self, *states: str) -> dict[str, Any]:
        """Waits until the move is in a state."""

        def look() -> dict[str, Any] | None:
            found = self.current()
            ended = found.get("state") in ("refused", "cancelled", "expired", "completed")
            assert not ended or found["state"] in states, f"{found['state']}: {found['why']}"
            return found if found.get("state") in states else None

        try:
            found: dict[str, Any] = until(look, _SECONDS)
        except AssertionError as error:
            raise AssertionError(f"{error}; the move is {self.current()}") from error
        return found

    def move(self, kind: str, accept_data_loss: str | None = None) -> dict[str, Any]:
        """A move from its request to its end; with `seconds`, from the approval on."""
        begins = len(self.way.asked)
        answer = self.request(kind, accept_data_loss)
        assert answer.status == 202, answer
        checked = self.until_state("checked")
        approved = time.monotonic()
        answer = self.approve(checked)
        assert answer.status == 200, answer
        done = self.until_state("completed")
        self._asked[done["id"]] = self.way.asked[begins:]
        return {**done, "seconds": time.monotonic() - approved}

    # As time

    def age(self, name: str, *, minutes: int) -> None:
        """Puts a time of the record of the current move back, as a write of somebody else's would: by the version."""
        dynamodb, key = self.clients["dr"]("dynamodb"), {"key": {"S": f"{MIRROR_SET}#current"}}
        before = dynamodb.get_item(TableName=TABLE, Key=key)["Item"]
        at = datetime.fromisoformat(before[name]["S"]) - timedelta(minutes=minutes)
        text = at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        dynamodb.update_item(
            TableName=TABLE,
            Key=key,
            UpdateExpression="SET #n = :t, version = version + :one",
            ExpressionAttributeNames={"#n": name},
            ExpressionAttributeValues={":t": {"S": text}, ":one": {"N": "1"}},
        )

    # As one who looks

    def asked_of(self, move: str) -> list[Asked]:
        """What functions asked of AWS during a move."""
        return self._asked[move]

    def region(self) -> dict[str, str]:
        """The record of who serves; empty before the first move."""
        key = {"key": {"S": MIRROR_SET}}
        found = self.clients["dr"]("dynamodb").get_item(TableName=TABLE, Key=key, ConsistentRead=True).get("Item", {})
        return {name: next(iter(value.values())) for name, value in found.items()}

    def records(self) -> list[dict[str, Any]]:
        """All records of the table but what decides nothing: the watch's own, and what functions of earlier moves called."""
        found = self.clients["dr"]("dynamodb").scan(TableName=TABLE, ConsistentRead=True)["Items"]
        return sorted(
            (each for each in found if not each["key"]["S"].endswith(("#latch", "#endpoints"))),
            key=lambda each: str(each["key"]),
        )

    def look(self) -> None:
        """Has the watch look, as its schedule does each minute."""
        self.clients["dr"]("lambda").invoke(FunctionName=self.watch, Payload=b'{"kind": "look"}')

    @property
    def watch(self) -> str:
        """The name of the function that watches the regions."""
        functions = self.clients["dr"]("lambda").list_functions()["Functions"]
        (found,) = (each for each in functions if "WATCH" in each.get("Environment", {}).get("Variables", {}))
        return str(found["FunctionName"])

    def leads_to(self) -> str:
        """The region that the name leads to, by the records and health checks that are deployed."""
        self._names.look()
        return self._names.leads_to(NAME).split(".", maxsplit=1)[0].rpartition("-")[2]

    def instance_type(self, name: str) -> str:
        """The instance type of a member."""
        ec2 = self.clients[PLACES[name][0]]("ec2")
        found = ec2.describe_instances(InstanceIds=[self.instances[name]])["Reservations"][0]["Instances"][0]
        return str(found["InstanceType"])

    def _group(self) -> dict[str, Any]:
        (found,) = self.clients["dr"]("autoscaling").describe_auto_scaling_groups()["AutoScalingGroups"]
        return dict(found)

    def tier(self) -> tuple[int, int]:
        """Least and most servers of the tier."""
        found = self._group()
        return found["MinSize"], found["MaxSize"]


FULL = "r7i.4xlarge"

"""A deployed mirror set with its automation, and what a test of it does: as a member, as a person, and as one who looks."""

import json
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from cdk_intersystems.model.ports import MIRROR_STATUS_PORT
from local.clients import Clients

VIP = "10.255.0.1/32"


def until(condition: Callable[[], Any], seconds: float = 40) -> Any:
    """Waits for something to be so, and returns what was found."""
    ends = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < ends, f"not within {seconds:g} s"
        time.sleep(0.1)
    return found


class Responders:
    """The members' mirror status, on addresses of this machine that nobody else uses.

    Attributes:
        addresses: Member -> its address.
        primary: Which member says that it is the primary; empty for none.
    """

    def __init__(self) -> None:
        self.primary = ""
        # All of 127.0.0.0/8 is this machine. Their port is given, so that each run has addresses of its own.
        net = f"127.{1 + secrets.randbelow(254)}.{secrets.randbelow(256)}"
        self.addresses = {member: f"{net}.{number}" for number, member in enumerate("ab", start=1)}
        self._servers = [self._serve(member, (address, MIRROR_STATUS_PORT)) for member, address in self.addresses.items()]

    def _serve(self, member: str, address: tuple[str, int]) -> ThreadingHTTPServer:
        responders = self

        class Answer(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                primary = responders.primary == member
                body = b"SUCCESS" if primary else b"FAILED"
                self.send_response(200 if primary else 503)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                """Says nothing."""

        server = ThreadingHTTPServer(address, Answer)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return server

    def stop(self) -> None:
        for server in self._servers:
            server.shutdown()
            server.server_close()


@dataclass
class MirrorSet:
    """One mirror set.

    Attributes:
        clients: boto3's clients.
        name: Its name.
        stack: Name of its stack.
        outputs: What its stack tells.
        responders: The members' mirror status.
        epoch: The newest epoch a member took.
    """

    clients: Clients
    name: str
    stack: str
    outputs: dict[str, str]
    responders: Responders
    epoch: int = field(default=0)

    def instance(self, member: str) -> str:
        return self.outputs[f"OutMember{member.upper()}"]

    # As a member

    def claim(self, member: str, instance: str = "") -> None:
        """Takes the next epoch, written as the member's call-out writes it; with another instance's id, as it wouldn't."""
        condition = "epoch = :seen" if self.epoch else "attribute_not_exists(#record)"
        values = {
            ":next": {"N": str(self.epoch + 1)},
            ":m": {"S": member},
            ":i": {"S": instance or self.instance(member)},
            ":t": {"S": now()},
            ":by": {"S": f"{self.name}{member.upper()}/takeover"},
            **({":seen": {"N": str(self.epoch)}} if self.epoch else {}),
        }
        self.clients("dynamodb").update_item(
            TableName=self.outputs["OutTable"],
            Key={"record": {"S": self.name}},
            UpdateExpression="SET epoch = :next, #member = :m, instance_id = :i, taken_at = :t, taken_by = :by",
            ConditionExpression=condition,
            ExpressionAttributeNames={"#member": "member", **({} if self.epoch else {"#record": "record"})},
            ExpressionAttributeValues=values,
        )
        self.epoch += 1
        self.responders.primary = member

    def message(self, member: str, epoch: int) -> dict[str, Any]:
        """What a member tells the router."""
        return {"schema": 1, "kind": "claim", "mirror_set": self.name, "member": member, "epoch": epoch, "taken_at": now()}

    def send(self, body: str | dict[str, Any], group: str = "") -> None:
        """Sends a message to the router, in the mirror set's group or in another."""
        self.clients("sqs").send_message(
            QueueUrl=self.outputs["OutQueue"],
            MessageBody=body if isinstance(body, str) else json.dumps(body),
            MessageGroupId=group or self.name,
            MessageDeduplicationId=f"{self.name}-{secrets.token_hex(8)}",
        )

    def take_over(self, member: str) -> None:
        """Takes an epoch, tells the router, and waits until clients are led."""
        self.claim(member)
        self.send(self.message(member, self.epoch))
        until(lambda: self.routed().get("epoch") == str(self.epoch))

    # As a person

    def reconcile(self) -> dict[str, Any]:
        """Has the router look by hand."""
        payload = json.dumps({"kind": "reconcile"})
        answer = self.clients("lambda").invoke(FunctionName=self.outputs["OutFunction"], Payload=payload)
        found: dict[str, Any] = json.loads(answer["Payload"].read())
        assert "FunctionError" not in answer, found
        return found

    # As one who looks

    def routed(self) -> dict[str, str]:
        """What the router has confirmed."""
        answer = self.clients("dynamodb").get_item(
            TableName=self.outputs["OutTable"], Key={"record": {"S": f"{self.name}#routed"}}, ConsistentRead=True
        )
        return {name: next(iter(value.values())) for name, value in answer.get("Item", {}).items()}

    def routes(self) -> dict[str, list[dict[str, Any]]]:
        """All routes of the VPC, by table."""
        filters = [{"Name": "vpc-id", "Values": [self.outputs["OutVpc"]]}]
        tables = self.clients("ec2").describe_route_tables(Filters=filters)["RouteTables"]
        return {table["RouteTableId"]: table["Routes"] for table in tables}

    def vip_routes(self) -> dict[str, str]:
        """Table -> the instance that it leads the address to."""
        return {
            table: route["InstanceId"]
            for table, routes in self.routes().items()
            for route in routes
            if route.get("DestinationCidrBlock") == VIP
        }

    def deployed_tables(self, tag: str = "Name") -> set[str]:
        """The route tables that the network's stack made, by a tag that it gives them."""
        filters = [{"Name": "vpc-id", "Values": [self.outputs["OutVpc"]]}, {"Name": "tag-key", "Values": [tag]}]
        return {table["RouteTableId"] for table in self.clients("ec2").describe_route_tables(Filters=filters)["RouteTables"]}

    def led_by_listener(self) -> str:
        """The member whose target group the listener leads to; the other's stands beside it with weight 0."""
        (listener,) = self.clients("elbv2").describe_listeners(ListenerArns=[self.outputs["OutListener"]])["Listeners"]
        named = listener["DefaultActions"][0]["ForwardConfig"]["TargetGroups"]
        weights = {each["TargetGroupArn"]: each["Weight"] for each in named}
        assert set(weights) == set(self.groups().values()), weights
        (led,) = (member for member, arn in self.groups().items() if weights[arn])
        return led

    def groups(self) -> dict[str, str]:
        """Member -> its target group."""
        found: dict[str, str] = json.loads(self.outputs["OutGroups"])
        return found

    def waiting(self) -> int:
        """How many messages the queue holds, those being worked on too."""
        counts = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        answer = self.clients("sqs").get_queue_attributes(QueueUrl=self.outputs["OutQueue"], AttributeNames=counts)
        return sum(map(int, answer["Attributes"].values()))

    def parked(self) -> list[tuple[str, str]]:
        """Body and reason of each message that was parked since the last look."""
        sqs, url = self.clients("sqs"), self.outputs["OutParked"]
        found = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"]).get("Messages", [])
        for message in found:
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return [(message["Body"], message["MessageAttributes"]["reason"]["StringValue"]) for message in found]

    def alarm(self, name: str) -> str:
        """The state of one of the automation's alarms, by its id within the construct."""
        alarms = self.clients("cloudwatch").describe_alarms(AlarmNamePrefix=f"{self.stack}-FailoverAlarms{name}")
        (found,) = alarms["MetricAlarms"]
        return str(found["StateValue"])

    def metric(self, name: str, **dimensions: str) -> float:
        """The sum of a metric of this mirror set, with more dimensions where it has them."""
        at = datetime.now(UTC)
        found = self.clients("cloudwatch").get_metric_statistics(
            Namespace="cdk-intersystems",
            MetricName=name,
            Dimensions=[
                {"Name": "deployment", "Value": "fixture"},
                {"Name": "mirror_set", "Value": self.name},
                *({"Name": key, "Value": value} for key, value in dimensions.items()),
            ],
            StartTime=at - timedelta(hours=1),
            EndTime=at + timedelta(minutes=2),
            Period=60,
            Statistics=["Sum"],
        )
        return float(sum(point["Sum"] for point in found["Datapoints"]))

    def log(self) -> list[str]:
        """All lines of the router's log, oldest first."""
        logs, group = self.clients("logs"), self.outputs["OutLogGroup"]
        return [event["message"] for event in logs.filter_log_events(logGroupName=group)["events"]]

    def decisions(self) -> list[dict[str, Any]]:
        """The router's log lines that tell a decision, oldest first."""
        entries = [json.loads(line) for line in self.log() if line.startswith("{")]
        return [entry for entry in entries if "decision" in entry]


def now() -> str:
    """The time as members write it."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")

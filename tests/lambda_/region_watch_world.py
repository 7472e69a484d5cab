"""AWS as the region watch sees it: moto in this process, the table of the regions' state, and responders that answer."""

import json
import socketserver
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any
from unittest import mock

import boto3
from moto import mock_aws

REGION = "eu-west-1"
TABLE, BUCKET, KEY = "one-TRAK-region-state", "latch", "held-by-dr"
S3_OBJECT = {"kind": "s3_object", "bucket": BUCKET, "key": KEY}


@dataclass
class World:
    """A mirror set of two regions.

    Attributes:
        latch: What carries the latch.
        answers: Address -> what the member there says.
        told: The metrics of the last run.
    """

    latch: Mapping[str, Any] = field(default_factory=lambda: {"kind": "metric"})
    answers: dict[str, str] = field(default_factory=dict)
    others: dict[str, str] = field(default_factory=lambda: {"TRAKA": "pa", "TRAKB": "pb"})
    told: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.dynamodb = boto3.client("dynamodb", REGION)
        self.cloudwatch = boto3.client("cloudwatch", REGION)
        self.s3 = boto3.client("s3", REGION)
        self.dynamodb.create_table(
            TableName=TABLE,
            KeySchema=[{"AttributeName": "key", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "key", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        self.s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})

    def state(self, epoch: int, serving: str, latch_epoch: int | None, /, **changes: Any) -> None:
        """Writes the regions' state as a promotion does."""
        item = {"key": {"S": "TRAK"}, "version": {"N": "1"}, "epoch": {"N": str(epoch)}, "serving": {"S": serving}}
        if latch_epoch is not None:
            item["latch_epoch"] = {"N": str(latch_epoch)}
        self.dynamodb.put_item(TableName=TABLE, Item={**item, **changes})

    def noted(self) -> tuple[int, bool] | None:
        """What the watch has noted: epoch, and whether the DR region holds."""
        item = self.dynamodb.get_item(TableName=TABLE, Key={"key": {"S": "TRAK#latch"}}).get("Item")
        return (int(item["epoch"]["N"]), item["held_by_dr"]["BOOL"]) if item else None

    def object(self) -> str | None:
        """The content of the latch's object; None if it isn't there."""
        try:
            return str(self.s3.get_object(Bucket=BUCKET, Key=KEY)["Body"].read().decode())
        except self.s3.exceptions.NoSuchKey:
            return None

    def put_object(self, content: str) -> None:
        """Puts the latch's object there, by hand."""
        self.s3.put_object(Bucket=BUCKET, Key=KEY, Body=content.encode())

    def held_by_metric(self) -> list[float]:
        """The values of the metric `DrHoldsTraffic` that CloudWatch has, in the order of their coming."""
        return [each["Value"] for each in self.metric_data]

    @property
    def metric_data(self) -> list[dict[str, Any]]:
        """What was put to CloudWatch."""
        from moto.cloudwatch.models import cloudwatch_backends

        found = cloudwatch_backends["123456789012"][REGION].metric_data
        return [{"Name": each.name, "Value": each.value} for each in found if each.name == "DrHoldsTraffic"]

    def invoke(self, event: dict[str, Any] | None = None) -> dict[str, Any]:
        """Invokes the function; what it told of metrics is in `told`."""
        from region_watch import handler, probe
        from region_watch.settings import settings

        settings.cache_clear()
        given = {
            "deployment": "one",
            "mirror_set": "TRAK",
            "table": TABLE,
            "members": {"a": "da", "b": "db"},
            "others": self.others,
            "status_port": 2189,
            "status_path": "/csp/bin/mirror_status.cxw",
            "latch": self.latch,
        }
        handler.logger.registered_handler.stream = sys.stdout  # type: ignore[attr-defined]
        self.told = {}
        add = handler.metrics.add_metric

        def note(name: str, unit: Any, value: float) -> None:
            self.told[name] = value
            add(name, unit, value)

        with (
            mock.patch.dict("os.environ", {"WATCH": json.dumps(given)}),
            mock.patch.object(probe, "ask", lambda address, _port, _path: self.answers.get(address, probe.UNKNOWN)),
            mock.patch.object(handler.metrics, "add_metric", note),
        ):
            answer: dict[str, Any] = handler.handler(event or {"kind": "look"}, None)
            return answer


@contextmanager
def watch_world() -> Iterator[World]:
    """A world whose function is cold."""
    environment = {
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "POWERTOOLS_METRICS_NAMESPACE": "cdk-intersystems",
        "POWERTOOLS_TRACE_DISABLED": "true",
    }
    with mock.patch.dict("os.environ", environment), mock_aws():
        from region_watch import handler

        handler.client.cache_clear()
        yield World()
        handler.client.cache_clear()


@contextmanager
def responder(*parts: bytes, hang: bool = False, pause: float = 0.0) -> Iterator[int]:
    """A server that answers each connection with these bytes, pausing before each, and then hangs or ends. Its port."""
    over = threading.Event()

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.request.recv(4096)
            for part in parts:
                over.wait(pause)
                with suppress(OSError):
                    self.request.sendall(part)
            if hang:
                over.wait(10)

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True

    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            over.set()
            server.shutdown()

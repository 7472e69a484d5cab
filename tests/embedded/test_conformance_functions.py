"""Functions, their queues and their table behave as AWS documents. Each check names the page it rests on."""

import io
import json
import os
import secrets
import signal
import time
import zipfile
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.clients import Clients
from local.server import EmbeddedAws

from .conftest import REGION

pytestmark = pytest.mark.embedded

LAYER = f"arn:aws:lambda:{REGION}:017000801446:layer:AWSLambdaPowertoolsPythonV3-python314-x86_64:42"
# Each run of it, of the messages it was given and of when it was given them, is an item of the table it is told.
CODE = """
import json, os, time
import boto3

table = boto3.client("dynamodb")
runs = 0

def handler(event, context):
    global runs
    runs += 1
    if "Records" not in event:
        return {"runs": runs, "pid": os.getpid(), "environment": dict(os.environ), **answer(event, context)}
    failed = False
    failures = []
    for record in event["Records"]:
        said = json.loads(record["body"])
        seen = {"id": record["messageId"], "body": said, "count": record["attributes"]["ApproximateReceiveCount"]}
        key = {"S": f"{time.time_ns()}"}
        table.put_item(TableName=os.environ["SEEN"], Item={"record": key, "seen": {"S": json.dumps(seen)}})
        if said.get("kill") and seen["count"] == "1":
            os._exit(1)
        failed = failed or bool(said.get("fail"))
        if failed:
            failures.append({"itemIdentifier": record["messageId"]})
    return {"batchItemFailures": failures}

class TooLateError(Exception):
    pass

def answer(event, context):
    if event.get("raise"):
        raise TooLateError(event["raise"])
    if event.get("sleep"):
        time.sleep(event["sleep"])
    if event.get("import"):
        try:
            module = __import__(event["import"])
        except ImportError as error:
            return {"error": type(error).__name__}
        return {"file": module.__file__}
    return {"account": boto3.client("sts").get_caller_identity()["Account"], "left": context.get_remaining_time_in_millis()}
"""

CONNECT = """
import boto3, errno, socket

WORDS = {errno.ENETUNREACH: "unreachable", errno.ECONNREFUSED: "refused"}

def handler(event, context):
    found = {"AWS": boto3.client("sts").get_caller_identity()["Account"]}
    for address in ("0.0.0.0", "127.0.0.1"):
        try:
            socket.create_connection((address, 1), timeout=2).close()
        except OSError as error:
            found[address] = WORDS.get(error.errno, str(error))
    return found
"""

Make = Callable[..., str]
Invoke = Callable[..., Any]


@pytest.fixture(scope="module")
def table(clients: Clients) -> str:
    name = f"seen-{secrets.token_hex(4)}"
    clients("dynamodb").create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "record", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "record", "KeyType": "HASH"}],
    )
    return name


@pytest.fixture
def seen(clients: Clients, table: str) -> Callable[[str], list[dict[str, Any]]]:
    """What functions saw of the messages of a test, in the order they saw it."""

    def look(test: str) -> list[dict[str, Any]]:
        items = clients("dynamodb").scan(TableName=table, ConsistentRead=True)["Items"]
        found = [json.loads(item["seen"]["S"]) for item in sorted(items, key=lambda item: int(item["record"]["S"]))]
        return [each for each in found if each["body"]["test"] == test]

    return look


@pytest.fixture
def make(clients: Clients, table: str) -> Make:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("code.py", CODE)

    def function(**arguments: Any) -> str:
        name = f"function-{secrets.token_hex(4)}"
        clients("lambda").create_function(
            FunctionName=name,
            Runtime="python3.13",
            Role="arn:aws:iam::111122223333:role/any",
            Handler="code.handler",
            Code={"ZipFile": packed.getvalue()},
            Environment={"Variables": {"SEEN": table}},
            **{"Timeout": 10, **arguments},
        )
        return name

    return function


@pytest.fixture
def invoke(clients: Clients) -> Invoke:
    def call(name: str, **event: Any) -> Any:
        return json.loads(clients("lambda").invoke(FunctionName=name, Payload=json.dumps(event))["Payload"].read())

    return call


@pytest.fixture
def queues(clients: Clients, make: Make) -> Callable[[], tuple[str, str]]:
    """A FIFO queue that a function reads, and the queue for what it fails three times."""

    def pair() -> tuple[str, str]:
        sqs, name = clients("sqs"), secrets.token_hex(4)
        parked = sqs.create_queue(QueueName=f"parked-{name}.fifo", Attributes={"FifoQueue": "true"})["QueueUrl"]
        arn = f"arn:aws:sqs:{REGION}:{clients.account}:parked-{name}.fifo"
        attributes = {
            "FifoQueue": "true",
            "VisibilityTimeout": "2",
            "RedrivePolicy": json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 3}),
        }
        queue = sqs.create_queue(QueueName=f"queue-{name}.fifo", Attributes=attributes)["QueueUrl"]
        clients("lambda").create_event_source_mapping(
            FunctionName=make(Timeout=2),
            EventSourceArn=arn.replace("parked-", "queue-"),
            FunctionResponseTypes=["ReportBatchItemFailures"],
        )
        return queue, parked

    return pair


def send(clients: Clients, queue: str, group: str, **body: Any) -> None:
    clients("sqs").send_message(
        QueueUrl=queue, MessageBody=json.dumps(body), MessageGroupId=group, MessageDeduplicationId=secrets.token_hex(8)
    )


def until(condition: Callable[[], Any], seconds: float = 40) -> Any:
    ends = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < ends, f"not within {seconds:g} s"
        time.sleep(0.1)
    return found


# "Using Lambda environment variables", defined runtime environment variables.
def test_a_function_knows_its_region_its_account_and_where_aws_is(aws: EmbeddedAws, make: Make, invoke: Invoke) -> None:
    answer = invoke(make())
    assert answer["account"] == aws.account
    assert 0 < answer["left"] <= 10_000
    given = answer["environment"]
    assert (given["AWS_REGION"], given["AWS_DEFAULT_REGION"], given["AWS_ENDPOINT_URL"]) == (REGION, REGION, aws.endpoint)
    # Nothing of the emulator's own: Powertools would take its log level for the function's.
    assert given.keys() & {"LOG_LEVEL", "STATE_DIR", "GATEWAY_PORT", "CDK_HOME"} == set()


# "Lambda execution environment lifecycle": an environment is kept, and its globals with it.
def test_the_second_run_is_in_the_same_environment(make: Make, invoke: Invoke) -> None:
    name = make()
    assert [invoke(name)["runs"], invoke(name)["runs"]] == [1, 2]


# "Managing Lambda dependencies with layers"; Powertools' "Install, Lambda layer".
def test_powertools_comes_with_its_public_layer_and_only_with_it(make: Make, invoke: Invoke) -> None:
    assert "layer" in invoke(make(Layers=[LAYER]), **{"import": "aws_lambda_powertools"})["file"]
    assert invoke(make(), **{"import": "aws_lambda_powertools"})["error"] == "ModuleNotFoundError"


# Not AWS's: there the addresses of a deployment's members are its own.
def test_a_function_may_be_kept_from_the_network_that_this_machine_is_in() -> None:
    with EmbeddedAws(loopback_only=True) as kept:
        functions = Clients(kept, REGION)("lambda")
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            archive.writestr("code.py", CONNECT)
        functions.create_function(
            FunctionName="connects",
            Runtime="python3.13",
            Role="arn:aws:iam::111122223333:role/any",
            Handler="code.handler",
            Code={"ZipFile": packed.getvalue()},
        )
        said = json.loads(functions.invoke(FunctionName="connects")["Payload"].read())
    # Linux takes 0.0.0.0 for this machine, so that it would be refused as well: it stands for all that isn't 127.0.0.0/8.
    assert said == {"0.0.0.0": "unreachable", "127.0.0.1": "refused", "AWS": kept.account}


# "Configure Lambda function timeout".
def test_a_run_that_takes_too_long_is_ended(make: Make, invoke: Invoke) -> None:
    assert invoke(make(Timeout=1), sleep=30)["errorMessage"].endswith("Task timed out after 1.00 seconds")


# "Configuring reserved concurrency": more runs than that are throttled. Invoke: TooManyRequestsException.
def test_reserved_concurrency_is_the_most_that_runs(clients: Clients, make: Make) -> None:
    name = make()
    clients("lambda").put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)
    with pytest.raises(ClientError) as error:
        clients("lambda").invoke(FunctionName=name)
    assert error.value.response["Error"]["Code"] == "TooManyRequestsException"


# "Amazon SQS FIFO delivery logic" and "Handling errors for an SQS event source in Lambda", partial batch responses.
def test_a_failed_message_holds_up_its_group_and_no_other_until_it_is_parked(
    clients: Clients, queues: Callable[[], tuple[str, str]], seen: Callable[[str], list[dict[str, Any]]]
) -> None:
    queue, parked = queues()
    for number, group, fail in ((1, "x", True), (2, "x", False)):
        send(clients, queue, group, test="order", number=number, fail=fail)
    until(lambda: [each for each in seen("order") if each["body"]["number"] == 1])
    send(clients, queue, "y", test="order", number=3)
    found = until(lambda: clients("sqs").receive_message(QueueUrl=parked, WaitTimeSeconds=1).get("Messages"))
    assert [json.loads(message["Body"])["number"] for message in found] == [1]
    until(lambda: {each["body"]["number"] for each in seen("order")} == {1, 2, 3})
    assert [each["count"] for each in seen("order") if each["body"]["number"] == 1] == ["1", "2", "3"]
    counts = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    attributes = clients("sqs").get_queue_attributes
    until(lambda: set(attributes(QueueUrl=queue, AttributeNames=counts)["Attributes"].values()) == {"0"})


# "Handling errors for an SQS event source": a message is deleted only after the function has returned.
def test_a_function_that_is_killed_loses_no_message(
    clients: Clients, queues: Callable[[], tuple[str, str]], seen: Callable[[str], list[dict[str, Any]]]
) -> None:
    queue, _ = queues()
    send(clients, queue, "x", test="kill", kill=True)
    until(lambda: len(seen("kill")) == 2)
    assert [each["count"] for each in seen("kill")] == ["1", "2"]


# "AWS Lambda function errors in Python": the type is the exception's class, by which state machines catch it.
def test_an_error_is_called_as_its_class(clients: Clients, make: Make) -> None:
    answer = clients("lambda").invoke(FunctionName=make(), Payload=json.dumps({"raise": "at noon\nand not before"}))
    said = json.loads(answer["Payload"].read())
    assert (said["errorType"], said["errorMessage"]) == ("TooLateError", "at noon\nand not before")


# "Using the DLQ", of a function killed from outside: the same, whoever ends it.
def test_an_environment_that_dies_is_replaced(make: Make, invoke: Invoke) -> None:
    name = make()
    os.kill(invoke(name)["pid"], signal.SIGKILL)
    until(lambda: invoke(name).get("runs") == 1)


# TransactWriteItems: all or nothing, and each action's reason.
def test_a_transaction_whose_condition_fails_writes_nothing(clients: Clients, table: str) -> None:
    dynamodb = clients("dynamodb")
    dynamodb.put_item(
        TableName=table, Item={"record": {"S": "0"}, "epoch": {"N": "7"}, "seen": {"S": '{"body": {"test": ""}}'}}
    )
    check = {
        "TableName": table,
        "Key": {"record": {"S": "0"}},
        "ConditionExpression": "epoch = :e",
        "ExpressionAttributeValues": {":e": {"N": "6"}},
    }
    update = {
        "TableName": table,
        "Key": {"record": {"S": "1"}},
        "UpdateExpression": "SET epoch = :e",
        "ExpressionAttributeValues": {":e": {"N": "6"}},
    }
    with pytest.raises(ClientError) as error:
        dynamodb.transact_write_items(TransactItems=[{"ConditionCheck": check}, {"Update": update}])
    assert error.value.response["Error"]["Code"] == "TransactionCanceledException"
    assert [reason["Code"] for reason in error.value.response["CancellationReasons"]] == ["ConditionalCheckFailed", "None"]
    keys = [{"record": {"S": "1"}}]
    assert dynamodb.batch_get_item(RequestItems={table: {"Keys": keys, "ConsistentRead": True}})["Responses"][table] == []

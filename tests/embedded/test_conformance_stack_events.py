"""CloudFormation tells EventBridge of each change of a stack's status: "Stack Status Change event detail"."""

import json
import secrets
import time
from typing import Any

import pytest

from local.clients import Clients

from .conftest import REGION

pytestmark = pytest.mark.embedded

TEMPLATE = json.dumps({"Resources": {"Topic": {"Type": "AWS::SNS::Topic", "Properties": {"DisplayName": "one"}}}})


def received(sqs: Any, url: str, statuses: list[str]) -> list[dict[str, Any]]:
    """The events of a queue, until all of these statuses were told."""
    found: list[dict[str, Any]] = []
    ends = time.monotonic() + 20
    while {event["detail"]["status-details"]["status"] for event in found} < set(statuses):
        assert time.monotonic() < ends, found
        for message in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=1).get("Messages", []):
            found.append(json.loads(message["Body"]))
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return found


def test_each_status_of_a_stack_is_an_event(clients: Clients, cloudformation: Any, stack_name: str) -> None:
    sqs, events, name = clients("sqs"), clients("events"), f"told-{secrets.token_hex(4)}"
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    pattern = {"source": ["aws.cloudformation"], "detail-type": ["CloudFormation Stack Status Change"]}
    events.put_rule(Name=name, EventPattern=json.dumps(pattern))
    events.put_targets(Rule=name, Targets=[{"Id": "1", "Arn": f"arn:aws:sqs:{REGION}:{clients.account}:{name}"}])

    stack_id = cloudformation.create_stack(StackName=stack_name, TemplateBody=TEMPLATE)["StackId"]
    created = received(sqs, url, ["CREATE_IN_PROGRESS", "CREATE_COMPLETE"])
    assert {event["detail"]["stack-id"] for event in created} == {stack_id}
    assert all(event["resources"] == [stack_id] and event["region"] == REGION for event in created)
    # Resources have events of another kind: each status of the stack is told once.
    assert len(created) == 2

    token = secrets.token_hex(8)
    changed = TEMPLATE.replace("one", "two")
    cloudformation.update_stack(StackName=stack_name, TemplateBody=changed, ClientRequestToken=token)
    updated = received(sqs, url, ["UPDATE_IN_PROGRESS", "UPDATE_COMPLETE"])
    assert {event["detail"]["client-request-token"] for event in updated} == {token}

"""Run Command of Systems Manager, with agents that really run what they are sent.

How an agent talks to Systems Manager is not documented, so that here it has a way of its own: a process of a host asks
`/_embedded/agent/poll` for its commands, and says what came of them at `/_embedded/agent/result`. What callers of AWS see is as
AWS documents it: "Understanding command statuses" (AWS Systems Manager User Guide), SendCommand and GetCommandInvocation (API
Reference).
"""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from local.adapter import documents, emulator
from local.adapter.errors import AwsError

if TYPE_CHECKING:
    from collections.abc import Callable

Record = dict[str, Any]
_STDOUT_LIMIT, _STDERR_LIMIT = 24000, 8000
# SendCommand: the time a command waits for its host by default.
_DELIVERY_SECONDS = 3600
_ENDED = ("Success", "Failed", "TimedOut", "Cancelled")
#: An agent that has not asked for this long counts as not connected.
_SILENT_SECONDS = 15.0
_LOOK_SECONDS = 0.05

_commands: dict[str, Record] = {}
# Region and instance -> when its agent last asked.
_agents: dict[tuple[str, str], float] = {}


def install() -> None:
    """Take the place of ministack's Run Command, which runs nothing."""
    service = emulator.service("ssm")
    original = service.handle_request
    own: dict[str, Callable[[Record], Record]] = {
        "SendCommand": send,
        "GetCommandInvocation": invocation,
        "ListCommandInvocations": invocations,
        "ListCommands": commands,
        "DescribeInstanceInformation": agents,
        "DescribeDocument": describe_document,
        "GetDocument": get_document,
    }

    async def handle(method: str, path: str, headers: Record, body: bytes, query: Record) -> Any:
        operation = str(headers.get("x-amz-target", "")).rpartition(".")[2]
        if operation not in own:
            return await original(method, path, headers, body, query)
        try:
            answer, status = own[operation](json.loads(body or b"{}")), 200
        except AwsError as error:
            answer, status = {"__type": error.code, "message": error.message}, error.status
        return status, {"Content-Type": "application/x-amz-json-1.1"}, json.dumps(answer).encode()

    service.handle_request = handle


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def send(request: Record) -> Record:
    """SendCommand."""
    name = request["DocumentName"]
    document = documents.find(name)
    given = documents.arguments(name, document, request.get("Parameters") or {})
    step, script = documents.script(document, given)
    hosts = _hosts(request)
    identifier, began = str(uuid.uuid4()), time.time()
    _commands[identifier] = {
        "CommandId": identifier,
        "DocumentName": name,
        "DocumentVersion": request.get("DocumentVersion", "$DEFAULT"),
        "Comment": request.get("Comment", ""),
        "Parameters": given,
        "InstanceIds": request.get("InstanceIds") or [],
        "Targets": request.get("Targets") or [],
        "RequestedDateTime": began,
        "ExpiresAfter": began + float(request.get("TimeoutSeconds") or _DELIVERY_SECONDS),
        "_region": emulator.region(),
        "_step": step,
        "_script": script,
        "_invocations": {host: {"Status": "Pending", "StatusDetails": "Pending", "ResponseCode": -1} for host in hosts},
    }
    return {"Command": _command(_commands[identifier])}


def _hosts(request: Record) -> list[str]:
    """The instances that a command is for.

    Raises:
        AwsError: If one that was named has no agent, or isn't running.
    """
    managed = {each for each in emulator.ec2._instances if _is_managed(each)}
    named: list[str] = list(request.get("InstanceIds") or [])
    if bool(named) == bool(request.get("Targets")):
        raise AwsError("InvalidParameters", "Supply either InstanceIds or Targets")
    if missing := [each for each in named if each not in managed]:
        message = f"Instances [[{', '.join(missing)}]] not in a valid state for account {emulator.account()}"
        raise AwsError("InvalidInstanceId", message)
    if named:
        return named
    return sorted(each for each in managed if all(_is_meant(each, target) for target in request["Targets"]))


def _is_meant(instance: str, target: Record) -> bool:
    """Whether a target of a command, a tag or ids, means an instance."""
    key, values = str(target["Key"]), target["Values"]
    if key.lower() == "instanceids":
        return instance in values
    tags = {entry["Key"]: entry["Value"] for entry in emulator.ec2._tags.get(instance) or []}
    return tags.get(key.removeprefix("tag:")) in values


def _is_managed(instance: str) -> bool:
    """Whether an instance runs and its agent has registered."""
    running = emulator.ec2._instances[instance]["State"]["Name"] == "running"
    return running and (emulator.region(), instance) in _agents


def _found(command: str, host: str) -> tuple[Record, Record]:
    sent = _commands.get(command, {"_region": "", "_invocations": {}})
    if sent["_region"] != emulator.region() or host not in sent["_invocations"]:
        raise AwsError("InvocationDoesNotExist", f"Invocation not found for {command}, {host}")
    return sent, _current(sent, sent["_invocations"][host])


def _current(sent: Record, one: Record) -> Record:
    """An invocation as it is now: what no agent fetched in time was not delivered."""
    if one["Status"] == "Pending" and time.time() > sent["ExpiresAfter"]:
        one.update(Status="TimedOut", StatusDetails="DeliveryTimedOut")
    return one


def invocation(request: Record) -> Record:
    """GetCommandInvocation."""
    sent, one = _found(request["CommandId"], request["InstanceId"])
    if request.get("PluginName", sent["_step"]) != sent["_step"]:
        raise AwsError("InvalidPluginName", f"the document has no step {request['PluginName']}")
    return {
        **{name: sent[name] for name in ("CommandId", "Comment", "DocumentName", "DocumentVersion")},
        "InstanceId": request["InstanceId"],
        "PluginName": sent["_step"],
        "ExecutionStartDateTime": "",
        "ExecutionEndDateTime": "",
        "StandardOutputContent": "",
        "StandardErrorContent": "",
        **one,
    }


def invocations(request: Record) -> Record:
    """ListCommandInvocations."""
    found = []
    for sent in _here(request.get("CommandId")):
        for host, one in sent["_invocations"].items():
            if request.get("InstanceId", host) == host:
                state = {name: _current(sent, one)[name] for name in ("Status", "StatusDetails", "ResponseCode")}
                plugin = {**state, "Name": sent["_step"], "Output": one.get("StandardOutputContent", "")[:2500]}
                shared = {name: sent[name] for name in ("CommandId", "DocumentName", "Comment", "RequestedDateTime")}
                plugins = [plugin] if request.get("Details") else []
                del state["ResponseCode"]
                found.append({**shared, **state, "InstanceId": host, "CommandPlugins": plugins})
    return {"CommandInvocations": found}


def _here(identifier: str | None) -> list[Record]:
    return [
        sent
        for sent in _commands.values()
        if sent["_region"] == emulator.region() and (identifier is None or sent["CommandId"] == identifier)
    ]


def commands(request: Record) -> Record:
    """ListCommands."""
    wanted = request.get("InstanceId")
    found = [sent for sent in _here(request.get("CommandId")) if wanted is None or wanted in sent["_invocations"]]
    return {"Commands": [_command(sent) for sent in reversed(found)]}


def _command(sent: Record) -> Record:
    """A command with its invocations summed up."""
    states = [_current(sent, one)["Status"] for one in sent["_invocations"].values()]
    ended = [state for state in states if state in _ENDED]
    status = "Pending" if all(state == "Pending" for state in states) else "InProgress"
    if len(ended) == len(states):
        status = next((state for state in ("TimedOut", "Failed", "Cancelled") if state in ended), "Success")
    details = status if states else "NoInstancesInTag"
    return {
        **{name: value for name, value in sent.items() if not name.startswith("_")},
        "Status": status,
        "StatusDetails": details,
        "TargetCount": len(states),
        "CompletedCount": len(ended),
        "ErrorCount": states.count("Failed"),
        "DeliveryTimedOutCount": states.count("TimedOut"),
    }


def agents(request: Record) -> Record:
    """DescribeInstanceInformation: the instances whose agents have ever asked, and whether they still do."""
    wanted = {
        value
        for each in [*(request.get("Filters") or []), *(request.get("InstanceInformationFilterList") or [])]
        if str(each.get("Key") or each.get("key")) == "InstanceIds"
        for value in each.get("Values") or each.get("valueSet") or []
    }
    found = []
    for (region, instance), last in _agents.items():
        if region == emulator.region() and instance in emulator.ec2._instances and (not wanted or instance in wanted):
            silent = time.time() - last > _SILENT_SECONDS or not _is_managed(instance)
            ping = {"PingStatus": "ConnectionLost" if silent else "Online", "LastPingDateTime": last}
            kind = {"PlatformType": "Linux", "ResourceType": "EC2Instance"}
            found.append({"InstanceId": instance, **ping, **kind})
    return {"InstanceInformationList": found}


def describe_document(request: Record) -> Record:
    """DescribeDocument."""
    document = documents.find(request["Name"])
    return {"Document": {"Name": request["Name"], "Status": "Active", "SchemaVersion": document["schemaVersion"]}}


def get_document(request: Record) -> Record:
    """GetDocument."""
    document = documents.find(request["Name"])
    return {"Name": request["Name"], "Status": "Active", "DocumentFormat": "JSON", "Content": json.dumps(document)}


async def poll(request: Record) -> Record:
    """An agent's request for its commands: waits until there is one, `wait_seconds` at most."""
    where = (str(request["region"]), str(request["instance_id"]))
    ends = time.monotonic() + min(float(request.get("wait_seconds", 0)), 20.0)
    while True:
        _agents[where] = time.time()
        found = [_taken(sent, where[1]) for sent in _commands.values() if _waits(sent, where)]
        if found or time.monotonic() >= ends:
            return {"commands": found}
        await asyncio.sleep(_LOOK_SECONDS)


def _waits(sent: Record, where: tuple[str, str]) -> bool:
    one = sent["_invocations"].get(where[1])
    return sent["_region"] == where[0] and one is not None and _current(sent, one)["Status"] == "Pending"


def _taken(sent: Record, host: str) -> Record:
    sent["_invocations"][host].update(Status="InProgress", StatusDetails="InProgress", ExecutionStartDateTime=_now())
    return {"command_id": sent["CommandId"], "document": sent["DocumentName"], "script": sent["_script"],
            "parameters": sent["Parameters"]}  # fmt: skip


def result(request: Record) -> Record:
    """What an agent says came of a command; said twice, it counts once."""
    one = _commands[request["command_id"]]["_invocations"][request["instance_id"]]
    if one["Status"] == "InProgress":
        one.update(
            ResponseCode=int(request["exit_code"]),
            StandardOutputContent=str(request.get("stdout", ""))[:_STDOUT_LIMIT],
            StandardErrorContent=str(request.get("stderr", ""))[:_STDERR_LIMIT],
            ExecutionEndDateTime=_now(),
            Status="Success" if int(request["exit_code"]) == 0 else "Failed",
        )
        one["StatusDetails"] = one["Status"]
    return {}

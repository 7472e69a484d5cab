"""The failover automation of each mirror set, and where clients are led now, read from the emulator's service APIs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from local.clients import Clients

Entry = dict[str, Any]


def automations(clients: Clients) -> list[Entry]:
    """The router functions of a region: each is known by its variable `ROUTER`, which names all it works on."""
    found = []
    for page in clients("lambda").get_paginator("list_functions").paginate():
        for function in page["Functions"]:
            variables = function.get("Environment", {}).get("Variables", {})
            if "ROUTER" in variables:
                found.append(_automation(clients, function["FunctionName"], json.loads(variables["ROUTER"])))
    return sorted(found, key=lambda entry: str(entry["mirror_set"]))


def _automation(clients: Clients, function: str, router: Entry) -> Entry:
    """One mirror set's automation."""
    sources = clients("lambda").list_event_source_mappings(FunctionName=function)["EventSourceMappings"]
    vip = router.get("route_vip") or {}
    keys = [{"record": {"S": name}} for name in (router["mirror_set"], f"{router['mirror_set']}#routed")]
    answer = clients("dynamodb").batch_get_item(RequestItems={router["table"]: {"Keys": keys, "ConsistentRead": True}})
    records = {item["record"]["S"]: _plain(item) for item in answer["Responses"][router["table"]]}
    return {
        "region": clients.region,
        "mirror_set": router["mirror_set"],
        "function": function,
        "table": router["table"],
        "queues": [source["EventSourceArn"].rpartition(":")[2] for source in sources],
        "dead_letter_queue": router["dead_letter_queue"].rpartition("/")[2],
        "claim": records.get(router["mirror_set"]),
        "routed": records.get(f"{router['mirror_set']}#routed"),
        "vip": vip.get("vip"),
        "vip_routes": _routes(clients, vip) if vip else {},
        "listeners": _listeners(clients, router.get("listeners") or {}),
    }


def _plain(item: Entry) -> Entry:
    """A record of DynamoDB without its types."""
    return {name: next(iter(value.values())) for name, value in item.items()}


def _routes(clients: Clients, vip: Entry) -> dict[str, str | None]:
    """Route table -> the instance it leads the address to; None where it has no route to it."""
    filters = [{"Name": "vpc-id", "Values": [vip["vpc"]]}]
    pages = clients("ec2").get_paginator("describe_route_tables").paginate(Filters=filters)
    found: dict[str, str | None] = {}
    for table in (table for page in pages for table in page["RouteTables"]):
        if any(tag["Key"] == "cdk-intersystems:deployment" for tag in table.get("Tags", [])):
            routes = [entry for entry in table["Routes"] if entry.get("DestinationCidrBlock") == f"{vip['vip']}/32"]
            found[table["RouteTableId"]] = routes[0].get("InstanceId") if routes else None
    return found


def _listeners(clients: Clients, listeners: Entry) -> dict[str, str]:
    """Listener -> the member that its action leads to: of the target groups that it names the one with a weight."""
    if not listeners:
        return {}
    described = clients("elbv2").describe_listeners(ListenerArns=list(listeners))["Listeners"]
    found = {}
    for listener in described:
        members = {group: member for member, group in listeners[listener["ListenerArn"]].items()}
        (action,) = listener["DefaultActions"]
        named = action["ForwardConfig"]["TargetGroups"]
        targets = [members.get(each["TargetGroupArn"], "another") for each in named if each.get("Weight", 1)]
        found[listener["ListenerArn"]] = ", ".join(targets) or "nobody"
    return found

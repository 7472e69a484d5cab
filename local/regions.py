"""What moves a mirror set between regions, and which region serves now, read from the emulator's service APIs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from local.clients import Clients

Entry = dict[str, Any]


def region_failovers(clients: Clients) -> list[Entry]:
    """The region failovers of a region: each is known by its functions' variable `REGION_PROMOTION`."""
    found: dict[str, Entry] = {}
    for page in clients("lambda").get_paginator("list_functions").paginate():
        for function in page["Functions"]:
            variables = function.get("Environment", {}).get("Variables", {})
            if "REGION_PROMOTION" in variables:
                given = json.loads(variables["REGION_PROMOTION"])
                found.setdefault(given["mirror_set"], _failover(clients, given))["functions"].append(function["FunctionName"])
    return [found[name] for name in sorted(found)]


def _failover(clients: Clients, given: Entry) -> Entry:
    """One mirror set's."""
    name, table = given["mirror_set"], given["table"]
    keys = [{"key": {"S": each}} for each in (name, f"{name}#current", f"{name}#latch")]
    answer = clients("dynamodb").batch_get_item(RequestItems={table: {"Keys": keys, "ConsistentRead": True}})
    records = {item["key"]["S"]: _plain(item) for item in answer["Responses"][table]}
    api = clients("ssm").get_parameter(Name=f"/cdk-intersystems/{given['deployment']}/{name}/region-api")["Parameter"]
    return {
        "region": clients.region,
        "mirror_set": name,
        "home": given["home"],
        "region_record": records.get(name),
        "move": records.get(f"{name}#current"),
        "latch": records.get(f"{name}#latch"),
        "table": table,
        "state_machine": given["state_machine"].rpartition(":")[2],
        "api": api["Value"],
        "functions": [],
    }


def _plain(item: Entry) -> Entry:
    """A record of DynamoDB without its types, as far as it is shown."""
    return {name: value for name, each in item.items() if not isinstance(value := next(iter(each.values())), dict)}


def failover_records(clients: Clients) -> list[Entry]:
    """The failover records of Route 53, which is global, with the type of the health check behind each."""
    route53 = clients("route53")
    checks = {
        each["Id"]: each["HealthCheckConfig"]
        for page in route53.get_paginator("list_health_checks").paginate()
        for each in page["HealthChecks"]
    }
    found = []
    for zone in (each for page in route53.get_paginator("list_hosted_zones").paginate() for each in page["HostedZones"]):
        pages = route53.get_paginator("list_resource_record_sets").paginate(HostedZoneId=zone["Id"])
        for record in (each for page in pages for each in page["ResourceRecordSets"] if "Failover" in each):
            values = [entry["Value"] for entry in record.get("ResourceRecords", [])]
            found.append(
                {
                    "name": record["Name"].rstrip("."),
                    "failover": record["Failover"],
                    "leads_to": values or [record["AliasTarget"]["DNSName"]],
                    "health_check": _check(record.get("HealthCheckId", ""), checks),
                }
            )
    return sorted(found, key=lambda entry: (str(entry["name"]), str(entry["failover"])))


def _check(identifier: str, checks: dict[str, Entry]) -> str:
    """A health check in words: what it asks, or what it is made of."""
    config = checks.get(identifier)
    if config is None:
        return "none"
    kind = str(config["Type"])
    if kind == "CALCULATED":
        children = [_check(each, checks) for each in config["ChildHealthChecks"]]
        said = " and ".join(children)
        return f"not ({said})" if config.get("Inverted") else said
    if kind == "CLOUDWATCH_METRIC":
        return f"alarm {config['AlarmIdentifier']['Name']} is off ({config['AlarmIdentifier']['Region']})"
    return (
        f"{kind} {config.get('FullyQualifiedDomainName', config.get('RoutingControlArn', ''))}{config.get('ResourcePath', '')}"
    )

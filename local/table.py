"""Shows the inventory to a person."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.console import Console

Entry = dict[str, Any]


def show(inventory: Entry, console: Console) -> None:
    """Print what runs where.

    Args:
        inventory: What `inventory.collect` returned.
        console: Where to print it.
    """
    for table in (
        _members(inventory["members"]),
        _tiers(inventory["tiers"]),
        _load_balancers(inventory["load_balancers"], _owners(inventory)),
        _automations(inventory["automations"], _owners(inventory)),
        _region_failovers(inventory["region_failovers"]),
        _failover_records(inventory["failover_records"]),
        _security_groups(inventory["security_groups"]),
        _stored(inventory),
        _not_emulated(inventory),
        _different(inventory["comparison"]),
    ):
        if table.row_count:
            console.print(table)
    console.print(summary(inventory))


def summary(inventory: Entry) -> str:
    """The last line: how much of what was asked for the emulator reports."""
    counts = inventory["comparison"]["counts"]
    return (
        f"{len(inventory['stacks'])} stacks deployed into the embedded AWS. Desired against reported properties: "
        f"{counts['verified']} verified, {counts['stored']} stored only, {counts['different']} different, "
        f"{counts['not compared']} not compared. Nothing here was compared with real AWS."
    )


def _table(title: str, *columns: str) -> Table:
    """A table with a title on its left."""
    table = Table(title=title, title_justify="left", title_style="bold", show_lines=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def _lines(values: Iterable[str]) -> str:
    """Values below each other."""
    return "\n".join(values)


def _members(members: list[Entry]) -> Table:
    table = _table("Mirror members", "Region", "Mirror set", "Member", "Zone", "Address", "Instance type", "Volumes")
    for entry in members:
        table.add_row(
            entry["region"],
            entry["mirror_set"],
            entry["member"],
            entry["zone"],
            entry["address"] + (f" (public {entry['public_address']})" if entry["public_address"] else ""),
            entry["instance_type"],
            _lines(_volume(volume) for volume in entry["volumes"]),
        )
    return table


def _volume(volume: Entry) -> str:
    """A volume in one line."""
    iops = f", {volume['iops']} IOPS" if volume["iops"] else ""
    encrypted = "" if volume["encrypted"] else ", NOT ENCRYPTED"
    waiting = ", not attached yet" if volume["state"] == "available" else ""
    return f"{volume['purpose']}: {volume['type']} {volume['size_gib']} GiB{iops}{encrypted}{waiting}"


def _tiers(tiers: list[Entry]) -> Table:
    table = _table(
        "Tiers", "Region", "Tier", "Min/desired/max", "Instance type", "Instances by zone", "Subnets", "Launch template"
    )
    for entry in tiers:
        zones = Counter(instance["zone"] for instance in entry["instances"])
        table.add_row(
            entry["region"],
            entry["tier"],
            f"{entry['min']}/{entry['desired']}/{entry['max']}",
            ", ".join(entry["instance_types"]),
            _lines(f"{zone}: {number}" for zone, number in sorted(zones.items())),
            _lines(f"{subnet['zone']} {subnet['cidr']}" for subnet in entry["subnets"]),
            entry["launch_template"] or "",
        )
    return table


def _owners(inventory: Entry) -> dict[str, str]:
    """What a reader knows each target by, an instance or an address: its mirror set and member, or its tier."""
    members = {
        entry[key]: f"{entry['mirror_set']} {entry['member']}"
        for entry in inventory["members"]
        for key in ("instance_id", "address")
    }
    servers = {
        instance["instance_id"]: f"{tier['tier']} server" for tier in inventory["tiers"] for instance in tier["instances"]
    }
    return members | servers


def _targets(targets: Iterable[str], owners: dict[str, str]) -> str:
    """Targets by what they are, the same ones together."""
    named: Counter[str] = Counter()
    for target in targets:
        identifier, _, port = target.rpartition(":")
        named[f"{owners.get(identifier, identifier)} :{port}"] += 1
    return _lines(name if number == 1 else f"{number} x {name}" for name, number in named.items()) or "(none)"


def _load_balancers(balancers: list[Entry], owners: dict[str, str]) -> Table:
    table = _table("Endpoints and load balancers", "Load balancer", "Listener", "Leads to", "Targets", "Health check")
    for balancer in balancers:
        short = {"application": "ALB", "network": "NLB"}[balancer["type"]]
        head = f"{balancer['name']}\n{short}, {balancer['scheme']}\n{', '.join(balancer['zones'])}"
        for listener in balancer["listeners"]:
            groups = listener["target_groups"]
            table.add_row(
                head,
                f"{listener['protocol']} {listener['port']}",
                _lines(f"{group['protocol']} {group['port']}" for group in groups) or listener["default_action"],
                _lines(_targets(group["targets"], owners) for group in groups),
                _lines(group["health_check"] for group in groups),
            )
            head = ""
    return table


def _automations(automations: list[Entry], owners: dict[str, str]) -> Table:
    table = _table("Failover automation", "Region", "Mirror set", "Clients are led to", "Route epoch", "Parts")
    for entry in automations:
        claim, routed = entry["claim"], entry["routed"]
        parts = [f"router {entry['function']}", f"epochs in {entry['table']}"]
        parts += [f"claims through {queue}" for queue in entry["queues"]]
        parts.append(f"parked in {entry['dead_letter_queue']}")
        table.add_row(
            entry["region"],
            entry["mirror_set"],
            _lines(_led(entry, owners)),
            f"claimed: {_epoch(claim)}\nrouted: {_epoch(routed)}",
            _lines(parts),
        )
    return table


def _led(entry: Entry, owners: dict[str, str]) -> list[str]:
    """Where each way of an automation leads: how many route tables to whom, and each listener's member."""
    lines = []
    if entry["vip"]:
        ends: Counter[str] = Counter(
            owners.get(instance, instance) if instance else "no member yet" for instance in entry["vip_routes"].values()
        )
        lines += [f"{entry['vip']}: {end} ({number} route tables)" for end, number in ends.items()]
    lines += [f"listener {arn.rpartition('/')[2]}: member {member}" for arn, member in entry["listeners"].items()]
    return lines or ["whom the load balancer's health checks find"]


def _epoch(record: Entry | None) -> str:
    """Which epoch, and whose."""
    return f"epoch {record['epoch']}, member {record['member']}" if record else "none yet"


def _region_failovers(entries: list[Entry]) -> Table:
    table = _table("Region failover", "Home of it", "Mirror set", "Serves", "Epoch: region, latch", "Last move", "Parts")
    for entry in entries:
        record, move = entry["region_record"] or {}, entry["move"]
        parts = [f"API {entry['api']}", f"workflow {entry['state_machine']}", f"records in {entry['table']}"]
        table.add_row(
            entry["region"],
            entry["mirror_set"],
            record.get("serving", entry["home"]),
            f"{record.get('epoch', 0)}, {record.get('latch_epoch', 0)}",
            f"{move['kind']} {move['id']}: {move['state']}" if move else "none yet",
            _lines(parts),
        )
    return table


def _failover_records(entries: list[Entry]) -> Table:
    table = _table("Names that follow the region", "Name", "Record", "Leads to", "While")
    for entry in entries:
        table.add_row(entry["name"], entry["failover"], _lines(entry["leads_to"]), entry["health_check"])
    return table


def _security_groups(entries: list[Entry]) -> Table:
    table = _table("Security groups: who may reach whom", "From", "To", "Ports")
    pairs: dict[tuple[str, str], list[str]] = {}
    for entry in entries:
        pairs.setdefault((entry["from"], entry["to"]), []).append(entry["ports"])
    for (source, target), ports in pairs.items():
        table.add_row(source, target, ", ".join(ports))
    return table


def _stored(inventory: Entry) -> Table:
    table = _table("Stored only: kept and reported, nothing in the emulator acts on it", "Type", "What")
    for kind, names in inventory["comparison"]["stored_properties"].items():
        table.add_row(kind, ", ".join(names))
    return table


def _not_emulated(inventory: Entry) -> Table:
    table = _table("Not emulated or not compared", "Type", "What")
    for entry in inventory["not_emulated"]:
        table.add_row(entry["type"], f"{entry['stack']}: {entry['logical_id']} (a placeholder)")
    seen = Counter((e["type"], e["property"], e["reported"]) for e in inventory["comparison"]["not_compared"])
    for (kind, name, reason), number in sorted(seen.items(), key=str):
        if reason != "not emulated" or name:
            table.add_row(kind, f"{name or 'the whole resource'}: {reason}" + (f" ({number} times)" if number > 1 else ""))
    for entry in inventory["assumed"]:
        table.add_row(entry["kind"], f"{entry['id']}: assumed to exist in the account ({entry['stack']})")
    return table


def _different(comparison: Entry) -> Table:
    table = _table("DIFFERENT from what was asked for", "Resource", "Property", "Desired", "Reported")
    for entry in comparison["different"]:
        resource = f"{entry['stack']}: {entry['logical_id']} ({entry['type']})"
        table.add_row(resource, entry["property"], str(entry["desired"]), str(entry["reported"]))
    return table

"""Writes the table of facts about EC2 instance types that `cdk_intersystems.model.instance_types` reads.

Run it in an environment that has moto installed (`pip install --no-deps moto`), from the root of the repository:

    python local/facts/instance_types.py

moto ships the answers of EC2's own `DescribeInstanceTypes` as package data, collected over all regions that are open to
everyone. Types of a partition of its own, or newer than that package, are stated in the YAML of the deployment instead.
"""

import gzip
import importlib.metadata
import json
from pathlib import Path
from typing import Any

TABLE = Path(__file__).parents[2] / "constructs/cdk_intersystems/model/data/instance_types.json"

# The order of the values of each row; `InstanceType` in the model has the same fields in the same order.
COLUMNS = (
    "architecture",
    "vcpus",
    "memory_mib",
    "nitro",
    "ebs_optimized",
    "ebs_attachments",
    "instance_store_gb",
    "instance_store_disks",
    "dedicated_hosts",
    "current_generation",
)


def row(facts: dict[str, Any]) -> list[object] | None:
    """Picks the facts the model uses out of one answer of EC2.

    Returns:
        The values in the order of `COLUMNS`; `None` for a type that no Linux server can run on (a Mac).
    """
    architectures = [a for a in facts["ProcessorInfo"]["SupportedArchitectures"] if a in ("x86_64", "arm64")]
    if not architectures:
        return None
    ebs = facts["EbsInfo"]
    disks = facts.get("InstanceStorageInfo", {}).get("Disks", [])
    return [
        architectures[0],
        facts["VCpuInfo"]["DefaultVCpus"],
        facts["MemoryInfo"]["SizeInMiB"],
        # A bare-metal type has no hypervisor, but the Nitro cards: its volumes are NVMe devices just the same.
        facts.get("Hypervisor") == "nitro" or (facts["BareMetal"] and ebs["NvmeSupport"] == "required"),
        ebs["EbsOptimizedSupport"] in ("default", "supported"),
        ebs.get("MaximumEbsAttachments"),
        sum(disk["SizeInGB"] * disk["Count"] for disk in disks),
        sum(disk["Count"] for disk in disks),
        facts["DedicatedHostsSupported"],
        facts["CurrentGeneration"],
    ]


def source() -> dict[str, Any]:
    """Reads moto's copy of what EC2 answered: instance type name -> facts."""
    distribution = importlib.metadata.distribution("moto")
    packed = Path(str(distribution.locate_file("moto/ec2/resources/instance_types.json.gz")))
    return dict(json.loads(gzip.decompress(packed.read_bytes())))


def main() -> None:
    """Writes the table, one type a line, so that a newer table gives a diff that can be read."""
    rows = {name: picked for name, facts in sorted(source().items()) if (picked := row(facts)) is not None}
    head = {
        "source": f"moto {importlib.metadata.version('moto')}, moto/ec2/resources/instance_types.json.gz",
        "generator": "local/facts/instance_types.py",
        "columns": list(COLUMNS),
    }
    lines = [f"{json.dumps(name)}: {json.dumps(values, separators=(',', ':'))}" for name, values in rows.items()]
    text = json.dumps(head, indent=0)[:-2] + ',\n"types": {\n' + ",\n".join(lines) + "\n}\n}\n"
    json.loads(text)
    TABLE.write_text(text, encoding="utf-8")
    print(f"{TABLE.name}: {len(rows)} types, {len(text) // 1024} KiB, from {head['source']}")


if __name__ == "__main__":
    main()

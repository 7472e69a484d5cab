"""What each kind of bad input gets: the key by its path, what was there, what is allowed, and nothing else."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from cdk_intersystems.configuration import ConfigurationError, parse_deployment
from cdk_intersystems.configuration.problems import path_text

ROOT = Path(__file__).parents[3]
TRAKCARE = yaml.safe_load((ROOT / "config/trakcare.yaml").read_text(encoding="utf-8"))
GONE = object()

Change = Callable[[dict[str, Any]], object]


def change(path: str, value: object) -> Change:
    """A change of one key: `change("mirror_sets.0.name", "trak")`; `GONE` takes it away."""

    def apply(data: dict[str, Any]) -> None:
        *parents, last = [int(part) if part.isdigit() else part for part in path.split(".")]
        part: Any = data
        for parent in parents:
            part = part[parent]
        if value is GONE:
            del part[last]
        else:
            part[last] = value

    return apply


def every(*changes: Change) -> Change:
    """Several changes."""
    return lambda data: [each(data) for each in changes]


def problems(*changes: Change) -> list[tuple[str, str, str]]:
    """The problems that changes to trakcare.yaml bring: key, what was there, what is allowed."""
    data = copy.deepcopy(TRAKCARE)
    every(*changes)(data)
    with pytest.raises(ConfigurationError) as caught:
        parse_deployment(yaml.safe_dump(data, sort_keys=False), "bad.yaml")
    return [(path_text(each.path), each.got or "", each.message) for each in caught.value.problems]


def second_set(**keys: object) -> Change:
    """Adds a mirror set LAB, which is right unless `keys` say otherwise."""

    def apply(data: dict[str, Any]) -> None:
        data["mirror_sets"][0]["number"] = 1
        lab = {"name": "LAB", "number": 2, "databases": ["LABDATA"], "instance_type": "r7i.large"} | keys
        data["mirror_sets"].append({name: value for name, value in lab.items() if value is not GONE})
        for tier in data["application_tiers"]:
            tier["mirror_set"] = "TRAK"

    return apply


def existing(**changes: object) -> Change:
    """Uses an existing VPC, which is right unless `changes` to it say otherwise."""
    zones = TRAKCARE["regions"]["primary"]["availability_zones"]
    tiers = ("public", "web", "application", "data", "arbiter")
    subnets = {
        tier: [
            {
                "id": f"subnet-0000000000000{row}{column}00",
                "zone": zone,
                "cidr": f"10.20.{16 * (3 * row + column)}.0/20",
                "route_table": f"rtb-0000000000000{row}{column}00",
            }
            for column, zone in enumerate(zones)
        ]
        for row, tier in enumerate(tiers)
    }

    def apply(data: dict[str, Any]) -> None:
        primary = data["regions"]["primary"]
        del primary["cidr"]
        primary["existing"] = {"vpc_id": "vpc-0123456789abcdef0", "cidr": "10.20.0.0/16", "subnets": copy.deepcopy(subnets)}
        for path, value in changes.items():
            change(path.replace("__", "."), value)(primary["existing"])

    return apply


SET, PRIMARY, VOLUMES = "mirror_sets.0", "regions.primary", "mirror_sets.0.volumes"
CERTIFICATE = "web_tiers.0.certificate"
KEY = "arn:aws:kms:eu-west-2:111122223333:key/11111111-2222-3333-4444-555555555555"

CASES: dict[str, tuple[Change, str, str, str]] = {
    # keys
    "unknown key": (
        change("mirror_sets.0.instance_typ", "x"),
        "mirror_sets[0].instance_typ",
        "",
        "did you mean instance_type?",
    ),
    "unknown key at the top": (change("mirrors", []), "mirrors", "", "known here: name, account,"),
    "unknown tier of a region": (change("regions.dr", {}), "regions.dr", "", "unknown key; known here: primary"),
    "unknown volume": (change(f"{VOLUMES}.wijj", {}), "mirror_sets[0].volumes.wijj", "", "did you mean wij?"),
    "missing key": (change(f"{PRIMARY}.ami", GONE), "regions.primary.ami", "", "missing; for example ami: ami-"),
    "missing section": (change("platform", GONE), "platform", "", "missing; needs a mapping with product"),
    "missing list": (change("mirror_sets", GONE), "mirror_sets", "", "missing; needs a list of mappings, each with name"),
    "missing key of a tier": (change("application_tiers.1.max", GONE), "application_tiers[1].max", "", "missing; for example"),
    # types
    "text for a number": (change("web_tiers.0.min", "3"), "web_tiers[0].min", "'3'", "needs a whole number"),
    "fraction for a number": (change("web_tiers.0.min", 3.5), "web_tiers[0].min", "3.5", "needs a whole number"),
    "true for a number": (change("web_tiers.0.min", True), "web_tiers[0].min", "true", "needs a whole number"),
    "text for a switch": (change(f"{PRIMARY}.internet", "yes"), "regions.primary.internet", "'yes'", "needs true or false"),
    "text for a list": (change(f"{SET}.databases", "TRAKDATA"), "mirror_sets[0].databases", "'TRAKDATA'", "needs a list"),
    "mapping for a list": (change("web_tiers", {"a": 1}), "web_tiers", "a mapping", "needs a list"),
    "list for a mapping": (change("platform", ["iris"]), "platform", "a list of 1", "needs a mapping"),
    "list for a free mapping": (change("tags", ["a"]), "tags", "a list of 1", "needs a mapping"),
    "text for an element": (change("web_tiers.0", "web"), "web_tiers[0]", "'web'", "needs a mapping"),
    "nothing for a key": (change(f"{PRIMARY}.region", None), "regions.primary.region", "nothing", "needs text"),
    "number for text": (
        change("account", 111122223333),
        "account",
        "the number 111122223333",
        'put it in quotes, "111122223333"',
    ),
    "number for a tag": (change("tags.cost-centre", 4711), "tags.cost-centre", "the number 4711", 'quotes, "4711"'),
    "word outside a choice": (
        change("platform.operating_system", "amazonlinux2023"),
        "platform.operating_system",
        "'amazonlinux2023'",
        "needs one of rhel9, rhel10, ubuntu2204, ubuntu2404",
    ),
    "word near a choice": (
        change("platform.product", "healthconect"),
        "platform.product",
        "'healthconect'",
        "did you mean healthconnect?",
    ),
    "log retention CloudWatch lacks": (change("log_retention_days", 100), "log_retention_days", "100", "1, 3, 5, 7, 14"),
    # names
    "account of 11 digits": (change("account", "11112222333"), "account", "'11112222333'", "12 digits in quotes"),
    "deployment name in capitals": (change("name", "TrakCare"), "name", "'TrakCare'", "2 to 20 of a-z, 0-9 and -"),
    "mirror name too long": (
        change(f"{SET}.name", "ABCDEFGHIJKLMNOP"),
        "mirror_sets[0].name",
        "'ABCDEFGHIJKLMNOP'",
        "1 to 15 upper-case",
    ),
    "mirror name in lower case": (
        change(f"{SET}.name", "trak"),
        "mirror_sets[0].name",
        "'trak'",
        "upper-case letters and digits",
    ),
    "mirror name that begins with a digit": (
        change(f"{SET}.name", "1TRAK"),
        "mirror_sets[0].name",
        "'1TRAK'",
        "starts with a letter",
    ),
    "two mirror sets of one name": (second_set(name="TRAK"), "mirror_sets[1].name", "'TRAK'", "must differ"),
    "two mirror sets of one number": (second_set(number=1), "mirror_sets[1].number", "1", "already the number of TRAK"),
    "no number for several mirror sets": (second_set(number=GONE), "mirror_sets[1].number", "", "with several mirror sets"),
    "number of a mirror set too high": (change(f"{SET}.number", 16), "mirror_sets[0].number", "16", "needs 15 or less"),
    "tier called as a mirror set": (
        change("web_tiers.0.name", "trak"),
        "web_tiers[0].name",
        "'trak'",
        "that of mirror set trak",
    ),
    "tier called as a member": (
        change("web_tiers.0.name", "trak-a"),
        "web_tiers[0].name",
        "'trak-a'",
        "that of mirror set trak",
    ),
    "tiers of one name": (change("web_tiers.0.name", "app"), "web_tiers[0].name", "'app'", "that of application tier app"),
    "tier called as a stack": (change("web_tiers.0.name", "network"), "web_tiers[0].name", "'network'", "every deployment has"),
    "no database": (change(f"{SET}.databases", []), "mirror_sets[0].databases", "an empty list", "needs at least 1"),
    "database in lower case": (
        change(f"{SET}.databases.1", "analytics"),
        "mirror_sets[0].databases[1]",
        "'analytics'",
        "upper-case",
    ),
    "system database": (
        change(f"{SET}.databases.1", "IRISSYS"),
        "mirror_sets[0].databases[1]",
        "'IRISSYS'",
        "cannot be mirrored",
    ),
    "database twice": (change(f"{SET}.databases.1", "TRAKDATA"), "mirror_sets[0].databases[1]", "'TRAKDATA'", "is there twice"),
    "unknown mirror set": (
        change("application_tiers.0.mirror_set", "TRAC"),
        "application_tiers[0].mirror_set",
        "'TRAC'",
        "did you mean TRAK? there are: TRAK",
    ),
    "unknown application tier": (
        change("web_tiers.0.application_tier", "ap"),
        "web_tiers[0].application_tier",
        "'ap'",
        "did you mean app?",
    ),
    "role of no tier": (
        change(f"{PRIMARY}.roles", {"tiers": {"apps": "iris-app"}}),
        "regions.primary.roles.tiers.apps",
        "'iris-app'",
        "no tier of this name; there are: app, print, web, clinical",
    ),
    # tags
    "tag of AWS": (change("tags", {"aws:x": "y"}), 'tags["aws:x"]', "'aws:x'", "reserved for AWS"),
    "tag of AWS in capitals": (change("tags", {"AWS:x": "y"}), 'tags["AWS:x"]', "'AWS:x'", "reserved for AWS"),
    "tag of ours": (
        change("tags", {"cdk-intersystems:member": "a"}),
        'tags["cdk-intersystems:member"]',
        "'cdk",
        "this application",
    ),
    "tag with a strange character": (change("tags", {"a;b": "y"}), 'tags["a;b"]', "'a;b'", "1 to 128 letters"),
    "tag value too long": (change("tags", {"a": "y" * 257}), "tags.a", "'yyy", "up to 256"),
    "too many tags": (change("tags", {f"t{n}": "v" for n in range(41)}), "tags", "41", "at most 40"),
    # region and network
    "region that is none": (
        change(f"{PRIMARY}.region", "eu-west-9"),
        "regions.primary.region",
        "'eu-west-9'",
        "did you mean eu-west-",
    ),
    "fewer than three zones": (
        change(f"{PRIMARY}.availability_zones", ["eu-west-2a", "eu-west-2b"]),
        "regions.primary.availability_zones",
        "a list of 2",
        "needs exactly 3",
    ),
    "zone twice": (
        change(f"{PRIMARY}.availability_zones.2", "eu-west-2a"),
        "regions.primary.availability_zones[2]",
        "'eu-west-2a'",
        "is there twice",
    ),
    "zone of another region": (
        change(f"{PRIMARY}.availability_zones.2", "eu-west-1c"),
        "regions.primary.availability_zones[2]",
        "'eu-west-1c'",
        "needs an availability zone of eu-west-2, like eu-west-2a",
    ),
    "CIDR too small": (change(f"{PRIMARY}.cidr", "10.20.0.0/23"), "regions.primary.cidr", "'10.20.0.0/23'", "/23 is too small"),
    "CIDR too large": (change(f"{PRIMARY}.cidr", "10.0.0.0/12"), "regions.primary.cidr", "'10.0.0.0/12'", "/12 is too large"),
    "CIDR with host bits": (
        change(f"{PRIMARY}.cidr", "10.20.0.1/16"),
        "regions.primary.cidr",
        "'10.20.0.1/16'",
        "is 10.20.0.0/16",
    ),
    "CIDR that is none": (change(f"{PRIMARY}.cidr", "10.20.0.0"), "regions.primary.cidr", "'10.20.0.0'", "CIDR notation"),
    "CIDR that AWS refuses": (
        change(f"{PRIMARY}.cidr", "169.254.0.0/16"),
        "regions.primary.cidr",
        "'169",
        "no loopback, link-local",
    ),
    "neither cidr nor existing": (change(f"{PRIMARY}.cidr", GONE), "regions.primary.cidr", "", "needs cidr"),
    "both cidr and existing": (
        every(existing(), change(f"{PRIMARY}.cidr", "10.20.0.0/16")),
        "regions.primary.existing",
        "a mapping",
        "not both",
    ),
    "clients inside the VPC": (
        change(f"{SET}.client_cidrs", ["10.20.128.0/20"]),
        "mirror_sets[0].client_cidrs[0]",
        "'10.20.128.0/20'",
        "overlaps the VPC's range 10.20.0.0/16",
    ),
    "everyone a client of a database": (
        change(f"{SET}.client_cidrs", ["0.0.0.0/0"]),
        "mirror_sets[0].client_cidrs[0]",
        "'0.0.0.0/0'",
        "never open to everyone",
    ),
    "overlapping clients": (
        change(f"{SET}.client_cidrs", ["192.168.0.0/16", "192.168.4.0/24"]),
        "mirror_sets[0].client_cidrs[1]",
        "'192.168.4.0/24'",
        "overlaps 192.168.0.0/16",
    ),
    "everyone a client of an internal tier": (
        change("web_tiers.1.client_cidrs", ["0.0.0.0/0"]),
        "web_tiers[1].client_cidrs[0]",
        "'0.0.0.0/0'",
        "not open to everyone",
    ),
    "AMI not an id": (change(f"{PRIMARY}.ami", "latest"), "regions.primary.ami", "'latest'", "needs the id of an AMI"),
    "AMI with capitals": (change(f"{PRIMARY}.ami", "ami-0123456789ABCDEF0"), "regions.primary.ami", "'ami-", "hexadecimal"),
    "existing VPC's id": (existing(vpc_id="vpc-1"), "regions.primary.existing.vpc_id", "'vpc-1'", "needs the id of a VPC"),
    "existing subnets in two zones": (
        existing(subnets__data__2__zone="eu-west-2a"),
        "regions.primary.existing.subnets.data",
        "subnets in eu-west-2a, eu-west-2a, eu-west-2b",
        "the failover members need one subnet in each of",
    ),
    "existing VPC without a tier's subnets": (
        existing(subnets__public=[]),
        "regions.primary.existing.subnets.public",
        "none",
        "internet-facing web tiers need one subnet in each of",
    ),
    "existing subnet missing": (
        existing(subnets__data=GONE),
        "regions.primary.existing.subnets.data",
        "",
        "each with id, zone",
    ),
    "existing subnets that overlap": (
        existing(subnets__data__1__cidr="10.20.144.0/21"),
        "regions.primary.existing.subnets.data[1].cidr",
        "'10.20.144.0/21'",
        "overlaps 10.20.144.0/20",
    ),
    "existing subnet outside the VPC": (
        existing(subnets__data__1__cidr="10.21.160.0/20"),
        "regions.primary.existing.subnets.data[1].cidr",
        "'10.21.160.0/20'",
        "must lie in the VPC's range 10.20.0.0/16",
    ),
    "existing subnet too small": (
        existing(subnets__arbiter__1__cidr="10.20.208.0/27"),
        "regions.primary.existing.subnets.arbiter[1].cidr",
        "'10.20.208.0/27'",
        "needs a /26 or larger",
    ),
    "existing subnet twice": (
        existing(subnets__data__1__id="subnet-000000000000032" + "00"),
        "regions.primary.existing.subnets.data[2].id",
        "'subnet-",
        "is there twice",
    ),
    "address outside its subnet": (
        change(f"{SET}.addresses", {"a": "10.20.160.20"}),
        "mirror_sets[0].addresses.a",
        "'10.20.160.20'",
        "needs an address of its subnet 10.20.144.0/20",
    ),
    "address of AWS": (
        change(f"{SET}.addresses", {"b": "10.20.160.2"}),
        "mirror_sets[0].addresses.b",
        "'10.20.160.2'",
        "AWS keeps",
    ),
    "address that is none": (
        change(f"{SET}.addresses", {"b": "10.20.160"}),
        "mirror_sets[0].addresses.b",
        "'10.20.160'",
        "IPv4 address",
    ),
    "address of another member": (
        every(second_set(number=4, addresses={"a": "10.20.144.17"})),
        "mirror_sets[1].addresses.a",
        "10.20.144.17",
        "also the address of member a of TRAK",
    ),
    # instance types
    "instance type unknown": (
        change(f"{SET}.instance_type", "r7i.5xlarge"),
        "mirror_sets[0].instance_type",
        "'r7i.5xlarge'",
        "did you mean r7i.",
    ),
    "instance type of the wrong architecture": (
        change("application_tiers.0.instance_type", "m7g.4xlarge"),
        "application_tiers[0].instance_type",
        "'m7g.4xlarge'",
        "processors of arm64, but platform.architecture is x86_64",
    ),
    "arbiter of the wrong architecture": (
        change(f"{SET}.arbiter", {"instance_type": "t4g.small"}),
        "mirror_sets[0].arbiter.instance_type",
        "'t4g.small'",
        "processors of arm64",
    ),
    "instance type without Nitro": (
        change("web_tiers.0.instance_type", "m4.large"),
        "web_tiers[0].instance_type",
        "'m4.large'",
        "Nitro",
    ),
    "stated type without a fact": (
        change("instance_types", {"r99i.large": {"architecture": "x86_64", "vcpus": 2}}),
        'instance_types["r99i.large"].memory_gib',
        "",
        "missing; for example memory_gib",
    ),
    "no dedicated hosts for a type": (
        every(change(f"{SET}.tenancy", "dedicated-host"), change(f"{SET}.instance_type", "c5.metal")),
        "mirror_sets[0].tenancy",
        "'dedicated-host'",
        "no dedicated hosts for c5.metal",
    ),
    # volumes
    "volume too small for its type": (
        change(f"{VOLUMES}.data", {"type": "io2", "size_gib": 3, "iops": 100}),
        "mirror_sets[0].volumes.data.size_gib",
        "3",
        "4 to 65,536 GiB",
    ),
    "volume too large for its type": (
        change(f"{VOLUMES}.wij.size_gib", 70000),
        "mirror_sets[0].volumes.wij.size_gib",
        "70000",
        "65,536 GiB",
    ),
    "too many IOPS": (
        change(f"{VOLUMES}.data.iops", 300000),
        "mirror_sets[0].volumes.data.iops",
        "300000",
        "a volume of type io2 has 100 to 256,000 IOPS",
    ),
    "too few IOPS": (change(f"{VOLUMES}.wij.iops", 2999), "mirror_sets[0].volumes.wij.iops", "2999", "3,000 to 80,000 IOPS"),
    "too many IOPS for the size": (
        change(f"{VOLUMES}.data", {"type": "io2", "size_gib": 10, "iops": 10001}),
        "mirror_sets[0].volumes.data.iops",
        "10001",
        "1,000 IOPS for each GiB, and 10 GiB allow 10,000",
    ),
    "io2 without IOPS": (
        change(f"{VOLUMES}.data", {"type": "io2", "size_gib": 10}),
        "mirror_sets[0].volumes.data.iops",
        "",
        "missing; a volume of type io2 needs its IOPS stated",
    ),
    "too much throughput": (
        change(f"{VOLUMES}.wij.throughput_mibps", 2001),
        "mirror_sets[0].volumes.wij.throughput_mibps",
        "2001",
        "2,000",
    ),
    "too much throughput for the IOPS": (
        change(f"{VOLUMES}.wij", {"iops": 3000, "throughput_mibps": 751}),
        "mirror_sets[0].volumes.wij.throughput_mibps",
        "751",
        "3,000 IOPS allow 750",
    ),
    "throughput of io2": (
        change(f"{VOLUMES}.data.throughput_mibps", 500),
        "mirror_sets[0].volumes.data.throughput_mibps",
        "500",
        "follows from its IOPS: leave it out",
    ),
    "volume type for disks": (
        change(f"{VOLUMES}.data.type", "st1"),
        "mirror_sets[0].volumes.data.type",
        "'st1'",
        "needs one of gp3, io2",
    ),
    "too many stripes": (change(f"{VOLUMES}.data.count", 9), "mirror_sets[0].volumes.data.count", "9", "1 to 8 volumes"),
    # mirror endpoint
    "port clash": (
        change(f"{SET}.endpoint.ports", {"superserver": 1972, "hl7": 6661, "lab": 6661}),
        "mirror_sets[0].endpoint.ports.lab",
        "6661",
        "port 6661 is already that of hl7",
    ),
    "port that is a target port": (
        change(f"{SET}.endpoint.ports", {"superserver": 1972, "odd": 11972}),
        "mirror_sets[0].endpoint.ports.superserver",
        "1972",
        "its target port 11972 is the service port of odd",
    ),
    "port of the ISCAgent": (
        change(f"{SET}.endpoint.ports.hl7", 2188),
        "mirror_sets[0].endpoint.ports.hl7",
        "2188",
        "the ISCAgent's",
    ),
    "port of SSH": (change(f"{SET}.endpoint.ports.hl7", 22), "mirror_sets[0].endpoint.ports.hl7", "22", "SSH"),
    "port out of range": (
        change(f"{SET}.endpoint.ports.hl7", 55536),
        "mirror_sets[0].endpoint.ports.hl7",
        "55536",
        "1 to 55535",
    ),
    "superserver elsewhere": (
        change(f"{SET}.endpoint.ports.superserver", 1973),
        "mirror_sets[0].endpoint.ports.superserver",
        "1973",
        "1972",
    ),
    "service name in capitals": (
        change(f"{SET}.endpoint.ports", {"HL7": 6661}),
        "mirror_sets[0].endpoint.ports.HL7",
        "'HL7'",
        "1 to 20 of a-z",
    ),
    "no port": (change(f"{SET}.endpoint.ports", {}), "mirror_sets[0].endpoint.ports", "0 ports", "1 to 50 listeners"),
    "strategy not yet available": (
        change(f"{SET}.endpoint.strategies", ["route_vip"]),
        "mirror_sets[0].endpoint.strategies[0]",
        "'route_vip'",
        "route_vip is not yet available: use polling",
    ),
    "strategy that is none": (
        change(f"{SET}.endpoint.strategies", ["dns"]),
        "mirror_sets[0].endpoint.strategies[0]",
        "'dns'",
        "needs one of polling",
    ),
    # capacity
    "more ECP clients than the ceiling": (
        change("application_tiers.0.max", 11),
        "mirror_sets[0].ecp_client_ceiling",
        "24",
        "needs at least 26",
    ),
    "ceiling beyond MaxServerConn": (
        change(f"{SET}.ecp_client_ceiling", 255),
        "mirror_sets[0].ecp_client_ceiling",
        "255",
        "0 to 254",
    ),
    "derived ceiling beyond MaxServerConn": (
        every(change(f"{SET}.ecp_client_ceiling", GONE), change("application_tiers.0.max", 200)),
        "mirror_sets[0].ecp_client_ceiling",
        "404",
        "0 to 254",
    ),
    "fewer than three web servers": (change("web_tiers.0.min", 2), "web_tiers[0].min", "2", "needs 3 or more"),
    "min over max": (change("web_tiers.0.min", 10), "web_tiers[0].max", "9", "must not be less than min, which is 10"),
    "spot for a database": (
        change(f"{SET}.purchase", "spot"),
        "mirror_sets[0].purchase",
        "'spot'",
        "never run a database on one",
    ),
    "spot for an application tier": (
        change("application_tiers.0.purchase", "spot"),
        "application_tiers[0].purchase",
        "'spot'",
        "a lost ECP client",
    ),
    "capacity reservation on a dedicated host": (
        every(change(f"{SET}.tenancy", "dedicated-host"), change(f"{SET}.purchase", "capacity-reservation")),
        "mirror_sets[0].purchase",
        "'capacity-reservation'",
        "no capacity reservations on dedicated hosts",
    ),
    "both members absent": (
        change(f"{SET}.absent_members", ["a", "b"]),
        "mirror_sets[0].absent_members",
        "a list of 2",
        "at most 1",
    ),
    "arbiter absent": (
        change(f"{SET}.absent_members", ["arbiter"]),
        "mirror_sets[0].absent_members[0]",
        "'arbiter'",
        "one of a, b",
    ),
    "web tier with nothing behind": (
        change("web_tiers.0.application_tier", GONE),
        "web_tiers[0].application_tier",
        "",
        "needs application_tier or mirror_set",
    ),
    "web tier with two things behind": (
        change("web_tiers.0.mirror_set", "TRAK"),
        "web_tiers[0].mirror_set",
        "'TRAK'",
        "not both",
    ),
    "stickiness beyond seven days": (
        change("web_tiers.0.stickiness_hours", 169),
        "web_tiers[0].stickiness_hours",
        "169",
        "168 or less",
    ),
    # resources that exist already
    "bad ARN": (change(CERTIFICATE, "certificate/1"), "web_tiers[0].certificate", "'certificate/1'", "arn:aws:acm:<region>"),
    "ARN of another service": (change(CERTIFICATE, KEY), "web_tiers[0].certificate", "'arn:aws:kms", "arn:aws:acm:<region>"),
    "ARN of another region": (
        change(f"{PRIMARY}.encryption_key", KEY.replace("eu-west-2", "eu-west-1")),
        "regions.primary.encryption_key",
        "'arn:aws:kms:eu-west-1",
        "it is in the region eu-west-1, but must be in eu-west-2",
    ),
    "ARN of another account": (
        change(f"{PRIMARY}.encryption_key", KEY.replace("111122223333", "444455556666")),
        "regions.primary.encryption_key",
        "'arn:aws:kms",
        "it is of the account 444455556666, but must be of 111122223333",
    ),
    "ARN of another partition": (
        change("permissions_boundary", "arn:aws-cn:iam::111122223333:policy/boundary"),
        "permissions_boundary",
        "'arn:aws-cn",
        "it is in the partition aws-cn, the deployment in aws",
    ),
    "role that is none": (
        change(f"{PRIMARY}.roles", {"member": "arn:aws:iam::111122223333:user/x"}),
        "regions.primary.roles.member",
        "'arn:aws:iam::111122223333:user/x'",
        "role/<role name>",
    ),
    "kit that is not in S3": (
        change("platform.kit.uri", "/tmp/kit.tar.gz"),
        "platform.kit.uri",
        "'/tmp/kit.tar.gz'",
        "s3://<bucket>/<key>",
    ),
    "secret that is none": (
        change("platform.license_secret", "a secret"),
        "platform.license_secret",
        "'a secret'",
        "Secrets Manager",
    ),
    "hosted zone that is none": (change("dns.zone_id", "example.org"), "dns.zone_id", "'example.org'", "id of a hosted zone"),
    "domain that is none": (change("dns.zone", "example"), "dns.zone", "'example'", "needs a domain name"),
}


@pytest.mark.parametrize(("changed", "key", "got", "allowed"), CASES.values(), ids=CASES.keys())
def test_one_problem_with_its_key_what_was_there_and_what_is_allowed(changed: Change, key: str, got: str, allowed: str) -> None:
    found = problems(changed)

    assert [each[0] for each in found] == [key], found
    assert found[0][1].startswith(got), found
    assert bool(found[0][1]) == bool(got), found
    assert allowed in found[0][2], found


@pytest.mark.parametrize("name", ["second_set", "existing"])
def test_the_changed_deployments_are_right_without_their_fault(name: str) -> None:
    data = copy.deepcopy(TRAKCARE)
    {"second_set": second_set(), "existing": existing()}[name](data)

    parse_deployment(yaml.safe_dump(data))


def test_every_problem_is_told_at_once() -> None:
    found = problems(
        change("mirror_sets.0.name", "trak"),  # wrong by itself
        change("mirror_sets.0.colour", "blue"),  # unknown
        change("web_tiers.0.min", 2),
        change("web_tiers.1.certificate", GONE),  # missing
        change("regions.primary.availability_zones.2", "eu-west-2a"),  # a rule between keys
        change("mirror_sets.0.volumes.data.iops", 300000),
        change("tags", {"aws:x": "y"}),
    )

    assert {key for key, _, _ in found} == {
        "mirror_sets[0].name",
        "mirror_sets[0].colour",
        "web_tiers[0].min",
        "web_tiers[1].certificate",
        "regions.primary.availability_zones[2]",
        "mirror_sets[0].volumes.data.iops",
        'tags["aws:x"]',
    }


@pytest.mark.parametrize(
    ("changed", "only"),
    [
        (change("mirror_sets.0.name", "trak"), "mirror_sets[0].name"),  # not also: tiers have no mirror set of this name
        (change("regions.primary.region", "eu-west-9"), "regions.primary.region"),  # nor: zones and ARNs of another region
        (change("platform.architecture", "sparc"), "platform.architecture"),  # nor: instance types of another one
        (change("account", "1"), "account"),
        (change("web_tiers.0", 7), "web_tiers[0]"),
        (change("application_tiers", "app"), "application_tiers"),
    ],
)
def test_what_follows_from_a_problem_is_not_told_as_another(changed: Change, only: str) -> None:
    assert [key for key, _, _ in problems(changed)] == [only]


def test_none_of_pydantics_words_reach_the_user() -> None:
    for changed, *_ in CASES.values():
        for _, _, message in problems(changed):
            assert "is not allowed here" not in message
            assert not any(
                word in message.lower()
                for word in ("input should", "field required", "extra inputs", "pydantic", "value error")
            )

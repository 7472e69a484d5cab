"""What every EC2 action needs: identifiers, look-ups that refuse as AWS does, tags."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from local.adapter import emulator
from local.adapter.errors import AwsError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Record = dict[str, Any]


def new_id(prefix: str) -> str:
    """Make an identifier of today's form: the prefix, a hyphen and 17 hexadecimal digits."""
    return f"{prefix}-{secrets.token_hex(9)[:17]}"


def now() -> str:
    """The time as EC2 writes it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def required(request: Mapping[str, Any], name: str) -> Any:
    """Read a parameter that the action cannot do without."""
    value = request.get(name)
    if value in (None, "", []):
        raise AwsError("MissingParameter", f"The request must contain the parameter {name[0].lower()}{name[1:]}")
    return value


def find(store: Any, identifier: str, code: str, noun: str) -> Record:
    """Look a record up, refusing with ``<code>.NotFound`` as EC2's table of error codes has it.

    Args:
        store: One of ministack's stores.
        identifier: The id asked for.
        code: The code's first part, for example ``InvalidSubnetID``.
        noun: What EC2 calls such a thing in the message, for example ``subnet ID``.
    """
    record = store.get(identifier)
    if record is None:
        raise AwsError(f"{code}.NotFound", f"The {noun} '{identifier}' does not exist")
    found: Record = record
    return found


def vpc(identifier: str) -> Record:
    """Look up a VPC."""
    return find(emulator.ec2._vpcs, identifier, "InvalidVpcID", "vpc ID")


def subnet(identifier: str) -> Record:
    """Look up a subnet."""
    return find(emulator.ec2._subnets, identifier, "InvalidSubnetID", "subnet ID")


def instance(identifier: str) -> Record:
    """Look up an instance that has not been terminated, or was a moment ago."""
    return find(emulator.ec2._instances, identifier, "InvalidInstanceID", "instance ID")


def volume(identifier: str) -> Record:
    """Look up a volume."""
    return find(emulator.ec2._volumes, identifier, "InvalidVolume", "volume")


def interface(identifier: str) -> Record:
    """Look up a network interface."""
    return find(emulator.ec2._network_interfaces, identifier, "InvalidNetworkInterfaceID", "networkInterface ID")


def security_groups(identifiers: Iterable[str], vpc_id: str) -> list[Record]:
    """Name security groups as interfaces and instances report them, refusing those of another VPC."""
    named = []
    for identifier in identifiers:
        group = find(emulator.ec2._security_groups, identifier, "InvalidGroup", "security group")
        if group["VpcId"] != vpc_id:
            message = f"Security group {identifier} and the subnet belong to different networks."
            raise AwsError("InvalidParameter", message)
        named.append({"GroupId": identifier, "GroupName": group["GroupName"]})
    return named


def tag(identifier: str, request: Mapping[str, Any], resource_type: str) -> None:
    """Keep the tags that a request specifies for a resource of this type."""
    tags = [
        {"Key": entry["Key"], "Value": entry.get("Value", "")}
        for specification in request.get("TagSpecifications") or []
        if specification.get("ResourceType") == resource_type
        for entry in specification.get("Tags") or []
    ]
    if tags:
        emulator.ec2._tags[identifier] = tags


def tags_of(identifier: str) -> list[Record]:
    """The tags of a resource, as every description carries them."""
    return list(emulator.ec2._tags.get(identifier) or [])


def chosen(store: Any, identifiers: list[str] | None, code: str, noun: str) -> list[Record]:
    """The records a description is about: those asked for, each of which must exist, or all of them."""
    if identifiers:
        return [find(store, identifier, code, noun) for identifier in identifiers]
    return list(store.values())

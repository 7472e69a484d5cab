"""EC2: the host's own volumes, and other instances."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Iterator, Mapping

from .client import AwsError

if TYPE_CHECKING:
    from xml.etree import ElementTree

    from .client import Aws


@dataclass(frozen=True)
class EbsVolume:
    """An EBS volume.

    Args:
        id: Its id.
        state: `available`, `in-use`, `creating` and others.
        instance_id: The instance it is attached to. Empty: none.
        device: The device name of the attachment, which is not the name the kernel gives it.
        size_gib: Its size.
    """

    id: str
    state: str
    instance_id: str
    device: str
    size_gib: int


def own_volumes(aws: Aws, tags: Mapping[str, str]) -> list[EbsVolume]:
    """Finds volumes by their tags, ordered by id.

    Args:
        aws: AWS.
        tags: The tags that they all have.

    Raises:
        AwsError: It is refused.
    """
    found = [
        EbsVolume(
            id=_text(item, "volumeId"),
            state=_text(item, "status"),
            instance_id=_text(item, "attachmentSet/item/instanceId"),
            device=_text(item, "attachmentSet/item/device"),
            size_gib=int(_text(item, "size")),
        )
        for item in _described(aws, "DescribeVolumes", "volumeSet", _tag_filters(tags))
    ]
    return sorted(found, key=lambda volume: volume.id)


def attach_volume(aws: Aws, volume_id: str, device: str) -> None:
    """Attaches a volume to this host; one that is attached to it already is left as it is.

    Args:
        aws: AWS.
        volume_id: The volume.
        device: The device name of the attachment, such as `/dev/sdf`.

    Raises:
        AwsError: It is refused, for example because another instance has the volume (code `VolumeInUse`).
    """
    request = {"VolumeId": volume_id, "InstanceId": aws.instance_id, "Device": device}
    try:
        aws.query("ec2", "AttachVolume", request, volume_id)
    except AwsError as error:
        if error.code != "VolumeInUse" or _holder(aws, volume_id) != aws.instance_id:
            raise


def running_instances(aws: Aws, tags: Mapping[str, str]) -> list[tuple[str, str]]:
    """Finds running instances by their tags: instance id and private address of each, ordered by id.

    Args:
        aws: AWS.
        tags: The tags that they all have.

    Raises:
        AwsError: It is refused.
    """
    filters = {**_tag_filters(tags), **_filter(len(tags) + 1, "instance-state-name", "running")}
    reservations = _described(aws, "DescribeInstances", "reservationSet", filters)
    items = [item for reservation in reservations for item in reservation.iterfind("instancesSet/item")]
    return sorted((_text(item, "instanceId"), _text(item, "privateIpAddress")) for item in items)


def _holder(aws: Aws, volume_id: str) -> str:
    found = list(_described(aws, "DescribeVolumes", "volumeSet", {"VolumeId.1": volume_id}))
    return _text(found[0], "attachmentSet/item/instanceId") if found else ""


def _described(aws: Aws, action: str, items: str, request: Mapping[str, str]) -> Iterator[ElementTree.Element]:
    """The items of all pages of an answer."""
    token = ""
    while True:
        page = aws.query("ec2", action, {**request, **({"NextToken": token} if token else {})})
        yield from page.iterfind(f"{items}/item")
        token = _text(page, "nextToken")
        if not token:
            return


def _tag_filters(tags: Mapping[str, str]) -> dict[str, str]:
    filters: dict[str, str] = {}
    for number, (name, value) in enumerate(sorted(tags.items()), 1):
        filters.update(_filter(number, f"tag:{name}", value))
    return filters


def _filter(number: int, name: str, value: str) -> dict[str, str]:
    return {f"Filter.{number}.Name": name, f"Filter.{number}.Value.1": value}


def _text(element: ElementTree.Element, path: str) -> str:
    return element.findtext(path, "").strip()

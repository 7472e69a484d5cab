"""AWS::SNS::Topic: ministack's, with the attributes it leaves out."""

from __future__ import annotations

from local.adapter import emulator
from local.adapter.resources.handler import Handler, Made, Properties, Resource

_ATTRIBUTES = ("KmsMasterKeyId", "SignatureVersion", "TracingConfig", "FifoTopic", "ContentBasedDeduplication")


def create(resource: Resource) -> Made:
    """Create the topic."""
    made: Made = emulator.provisioners._sns_create(resource.logical_id, resource.properties, resource.stack)
    _set(made[0], resource.properties)
    return made


def _set(arn: str, given: Properties) -> None:
    """Keep the attributes; the key is not used for anything, no message being stored anywhere."""
    attributes = emulator.service("sns")._topics[arn]["attributes"]
    for name in _ATTRIBUTES:
        if name in given:
            value = given[name]
            attributes[name] = str(value).lower() if isinstance(value, bool) else str(value)
        else:
            attributes.pop(name, None)


def update(physical_id: str, old: Properties, resource: Resource) -> Made:
    """Change the topic in place."""
    made: Made = emulator.provisioners._sns_update(physical_id, old, resource.properties, resource.stack, resource.logical_id)
    _set(made[0], resource.properties)
    return made


def delete(physical_id: str, properties: Properties) -> None:
    """Delete the topic."""
    emulator.provisioners._sns_delete(physical_id, properties)


HANDLERS = {
    "AWS::SNS::Topic": Handler(
        create=create,
        update=update,
        delete=delete,
        known=("DisplayName", "Subscription", "TopicName", "Tags", *_ATTRIBUTES),
        replacing=("TopicName", "FifoTopic"),
        tags=True,
    )
}

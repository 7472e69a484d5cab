"""AWS::StepFunctions::StateMachine: ministack's, with its logging in the API's spelling. Traces are not emulated."""

from __future__ import annotations

from typing import Any

from local.adapter import emulator
from local.adapter.resources.handler import Handler, Made, Properties, Resource


def camel(value: Any) -> Any:
    """A structure of a template with the names that a JSON API has: their first letters small."""
    if isinstance(value, dict):
        return {name[0].lower() + name[1:]: camel(content) for name, content in value.items()}
    return [camel(entry) for entry in value] if isinstance(value, list) else value


def _given(properties: Properties) -> Properties:
    """A template's properties, of which ministack keeps the logging as it stands there."""
    if "LoggingConfiguration" not in properties:
        return properties
    logging = camel(properties["LoggingConfiguration"])
    logging["includeExecutionData"] = str(logging.get("includeExecutionData", False)).lower() == "true"
    return {**properties, "LoggingConfiguration": logging}


def create(resource: Resource) -> Made:
    """Create the state machine."""
    properties = _given(resource.properties)
    made: Made = emulator.provisioners._sfn_state_machine_create(resource.logical_id, properties, resource.stack)
    return made


def update(physical_id: str, old: Properties, resource: Resource) -> Made:
    """Change it in place; executions that are under way keep their definition."""
    made: Made = emulator.provisioners._sfn_state_machine_update(
        physical_id, _given(old), _given(resource.properties), resource.stack, resource.logical_id
    )
    return made


def delete(physical_id: str, properties: Properties) -> None:
    """Delete it."""
    emulator.provisioners._sfn_state_machine_delete(physical_id, properties)


HANDLERS = {
    "AWS::StepFunctions::StateMachine": Handler(
        create=create,
        update=update,
        delete=delete,
        known=(
            "Definition",
            "DefinitionS3Location",
            "DefinitionString",
            "DefinitionSubstitutions",
            "EncryptionConfiguration",
            "LoggingConfiguration",
            "RoleArn",
            "StateMachineName",
            "StateMachineType",
            "Tags",
        ),
        replacing=("StateMachineName", "StateMachineType"),
        tags=True,
    )
}

"""Reads what the emulator's adapter recorded: what it only stored, did not emulate, or took for granted."""

from __future__ import annotations

import json
import urllib.request
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local.server import EmbeddedAws


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """The adapter's record.

    Attributes:
        not_emulated: Resources that exist as a placeholder only.
        properties_not_emulated: For a resource the properties that nothing was done with.
        stored: By region and physical id the properties of resources that only the adapter keeps.
        stored_resources: The same resources with their type, stack and logical id.
        assumed: What a stack expects in the account and the emulator made up.
        attributes: By stack and logical id what `Fn::GetAtt` returns.
    """

    not_emulated: list[dict[str, str]]
    properties_not_emulated: list[dict[str, Any]]
    stored: Mapping[tuple[str, str], dict[str, Any]]
    stored_resources: list[dict[str, Any]]
    assumed: list[dict[str, str]]
    attributes: Mapping[str, Mapping[str, Mapping[str, Any]]]

    def is_placeholder(self, stack: str, logical_id: str) -> bool:
        """Whether a resource exists as a placeholder only."""
        return any(e["stack"] == stack and e["logical_id"] == logical_id for e in self.not_emulated)

    def ignored(self, stack: str, logical_id: str) -> set[str]:
        """The properties of a resource that nothing was done with."""
        return {
            name
            for entry in self.properties_not_emulated
            if entry["stack"] == stack and entry["logical_id"] == logical_id
            for name in entry["properties"]
        }


def read(aws: EmbeddedAws) -> Record:
    """Read the record of a running embedded AWS."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(f"{aws.endpoint}/_embedded/record", timeout=30) as answer:
        content = json.load(answer)
    return Record(
        not_emulated=content["not_emulated"],
        properties_not_emulated=content["properties_not_emulated"],
        stored={(entry["region"], entry["id"]): entry["properties"] for entry in content["stored"]},
        stored_resources=[{k: v for k, v in entry.items() if k != "properties"} for entry in content["stored"]],
        assumed=content["assumed"],
        attributes=content["attributes"],
    )

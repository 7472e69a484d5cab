"""How snapshots are kept: one readable file each."""

import json
import re
from typing import Any

from syrupy.extensions.single_file import SingleFileSnapshotExtension, WriteMode
from syrupy.location import PyTestLocation

from cdk_intersystems.host_bundle.bundle import first_boot

# An asset's hash says that code changed, which its own diff says better.
HASH = re.compile(r"\b[0-9a-f]{64}\b")


class _Named(SingleFileSnapshotExtension):
    """A text file called as the snapshot is."""

    _write_mode = WriteMode.TEXT

    @classmethod
    def get_snapshot_name(cls, *, test_location: PyTestLocation, index: int | str = 0) -> str:
        """The name given in the test, which is unique by itself."""
        return index if isinstance(index, str) else super().get_snapshot_name(test_location=test_location, index=index)


class Template(_Named):
    """A template as JSON, masked."""

    file_extension = "template.json"

    def serialize(self, data: Any, **_: Any) -> str:
        """The template as text, the same at every synthesis of the same infrastructure.

        Masked are hashes of assets, the library's user data and the steps of runbooks, whose own diffs say better what
        changed; left out is the version check of the bootstrap stack, which every stack has alike. The codes of roll approvals
        stay: that one changes is what a reviewer has to see, as then a host is going to be touched.
        """
        kept = {key: value for key, value in data.items() if key not in ("Parameters", "Rules")}
        for key, unwanted in (("Parameters", "BootstrapVersion"), ("Rules", "CheckBootstrapVersion")):
            if rest := {name: value for name, value in data.get(key, {}).items() if name != unwanted}:
                kept[key] = rest
        kept["Resources"] = {name: _shortened(resource) for name, resource in data.get("Resources", {}).items()}
        text = json.dumps(kept, indent=2, sort_keys=True).replace(json.dumps(first_boot()), '"<first_boot.py>"')
        return HASH.sub("<hash of an asset>", text) + "\n"


class Digest(_Named):
    """A digest in Markdown."""

    file_extension = "md"

    def serialize(self, data: Any, **_: Any) -> str:
        """The digest as it is."""
        return str(data)


def _shortened(resource: dict[str, Any]) -> dict[str, Any]:
    """A runbook with the names of its steps; anything else as it is."""
    if resource["Type"] != "AWS::SSM::Document":
        return resource
    content = resource["Properties"]["Content"]
    steps = [f"{step['name']} ({step['action']})" for step in content["mainSteps"]]
    shortened = {**content, "mainSteps": steps}
    return {**resource, "Properties": {**resource["Properties"], "Content": shortened}}

"""`cdk-host image`: makes a machine that is to become an image what hosts of a role have in common, and leaves no trace.

The machine is no host of a deployment: it has no tags of ours, no parameter and no secrets. What it is to have stands in the
bundle's `config/image`, which the image's component has linked like that of a host.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from ..first_boot import CURRENT, Metadata
from . import roles
from .aws.client import Aws
from .context import BUNDLES, CODE, CONFIG, RUN, SETTINGS, STATE, Context
from .description import S3Object, read_description
from .settings import Secrets, Settings

if TYPE_CHECKING:
    from .run import Lines

_NOTHING = Settings(S3Object("", "", "", ""), Secrets("", "", "", ""), "", None)

#: With these a host that starts from the image would take itself for one that was started before.
_TRACES = (CURRENT, CODE, CONFIG, Path("/usr/local/bin/cdk-host"), BUNDLES, STATE, SETTINGS, RUN)


def build(lines: Lines) -> None:
    """Does the steps of an image, and removes what only they needed.

    Args:
        lines: Where what is said goes.

    Raises:
        StepError: A step failed; with what it said. Run again it goes on.
    """
    me = Metadata().identity()
    host = Context(me, read_description(CONFIG / "host.json"), _NOTHING, Aws(me), lines.say)
    for step in roles.IMAGE[host.description.role]:
        lines.say(f"image: {step.__name__}")
        step(host)
    lines.say("removing what a host would take for its own")
    for path in _TRACES:
        if path.is_symlink() or path.is_file():
            path.unlink()
        else:
            shutil.rmtree(path, ignore_errors=True)

"""`doctor`: is this account ready for this deployment?"""

import json
import sys
from collections import Counter
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from cdk_intersystems.configuration import load_deployment

from .errors import told
from .main import EXIT_CODES, NOT_READY, OK
from .options import CONFIG_DIR, AsJson, ConfigDir, EndpointUrl, Source
from .target import Aws

_STYLES = {"ok": "green", "warning": "yellow", "failed": "bold red", "unknown": "magenta"}

AppDir = Annotated[Path, typer.Option(help="Folder with the CDK app: cdk.json, package.json and node_modules.")]
Verbose = Annotated[bool, typer.Option("--all", help="Also show what is well.")]


@told
def doctor(
    source: Source,
    *,
    show_all: Verbose = False,
    as_json: AsJson = False,
    endpoint_url: EndpointUrl = None,
    app_dir: AppDir = Path(),
    config_dir: ConfigDir = CONFIG_DIR,
) -> int:
    """Check whether this account, and this computer, are ready to deploy: it looks, and changes nothing."""
    from .doctor.examine import examine
    from .doctor.finding import FAILED as BAD
    from .doctor.finding import OK as WELL

    deployment = load_deployment(source, config_dir)
    console = Console(stderr=True, quiet=as_json, highlight=False)
    with console.status("looking") as shown:
        found = examine(deployment, Aws(endpoint_url), app_dir, shown.update)
    ready = not any(each.result == BAD for each in found)
    if as_json:
        document = {"schema": 1, "deployment": deployment.name, "ready": ready, "findings": [each.as_json() for each in found]}
        sys.stdout.write(json.dumps(document, indent=2) + "\n")
        return OK if ready else NOT_READY
    out = Console(highlight=False)
    table = Table(box=None, padding=(0, 1, 0, 0), header_style="dim")
    for head in ("where", "check", "result", ""):
        table.add_column(head, overflow="fold")
    for each in found:
        if show_all or each.result != WELL:
            table.add_row(each.region, each.check, each.result, Text(each.says), style=_STYLES[each.result])
    if table.rows:
        out.print(table)
    counts = Counter(each.result for each in found)
    told_counts = ", ".join(f"{counts[result]} {result}" for result in _STYLES if counts[result])
    verdict = f"{deployment.name} can be deployed" if ready else f"{deployment.name} can NOT be deployed as things are"
    out.print(Text(f"{verdict}: {told_counts}", style="bold" if ready else "bold red"))
    return OK if ready else NOT_READY


doctor.__doc__ = f"{doctor.__doc__}\n\n    {EXIT_CODES}\n    "

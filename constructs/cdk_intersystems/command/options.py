"""Arguments and options that commands share."""

from pathlib import Path
from typing import Annotated

import typer

Source = Annotated[str, typer.Argument(metavar="NAME|FILE", help="Name or YAML file of the deployment.")]
MirrorSet = Annotated[str | None, typer.Option("--mirror-set", help="Name of the mirror set. Default: the only one.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Yes = Annotated[
    str | None,
    typer.Option("--yes", metavar="SENTENCE", help="The sentence that is asked for, for scripts: it names what will happen."),
]
AcceptDataLoss = Annotated[
    str | None,
    typer.Option(
        metavar="SENTENCE",
        help="'I accept the loss of records that <MIRROR SET> has not copied', in these words: for a promotion while the "
        "members are behind, or nobody of the former members can be reached.",
    ),
]
EndpointUrl = Annotated[str | None, typer.Option(help="Where AWS is, for the embedded AWS.")]
ConfigDir = Annotated[Path, typer.Option(help="Folder with one YAML file a deployment.")]
CONFIG_DIR = Path("config")

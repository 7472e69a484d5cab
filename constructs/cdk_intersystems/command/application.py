"""The commands."""

import typer

from .predict import predict

application = typer.Typer(
    name="cdk-intersystems",
    help="Looks at deployments of InterSystems data platforms on AWS.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
application.command("predict")(predict)


@application.callback()
def _main() -> None:
    """Looks at deployments of InterSystems data platforms on AWS."""

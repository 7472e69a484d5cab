"""The commands."""

import typer

from .decision_commands import approve, cancel, resume
from .doctor_command import doctor
from .predict import predict
from .rebuild_command import rebuild
from .rehearse_command import rehearse
from .request_commands import failback, promote, switchover
from .status_commands import readiness, status

application = typer.Typer(
    name="cdk-intersystems",
    help="Looks at deployments of InterSystems data platforms on AWS, and moves their mirrors between regions.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
application.command("predict")(predict)
for _command in (doctor, status, readiness, promote, approve, cancel, resume, switchover, failback, rehearse, rebuild):
    application.command(_command.__name__)(_command)


@application.callback()
def _main() -> None:
    """Looks at deployments of InterSystems data platforms on AWS, and moves their mirrors between regions."""

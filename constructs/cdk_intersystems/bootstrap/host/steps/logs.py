"""What the CloudWatch agent, where it is installed, sends from a host that runs IRIS."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from ..context import RUN, SETTINGS
from ..layout import MANAGER
from .host_name import name_of

if TYPE_CHECKING:
    from ..context import Context

#: Source: Amazon CloudWatch User Guide, "Start the CloudWatch agent".
_CONTROL = Path("/opt/aws/amazon-cloudwatch-agent/bin/amazon-cloudwatch-agent-ctl")
_UNIT = "amazon-cloudwatch-agent.service"
#: What the agent was given last.
_GIVEN = SETTINGS / "cloudwatch-agent.json"
_FILES = ("messages.log", "alerts.log")
#: How an entry of messages.log begins. Source: Monitoring Guide, "Monitoring Log Files".
_ENTRY = "^[0-9]{2}/[0-9]{2}/[0-9]{2}-"


def logs(host: Context) -> None:
    """Has the CloudWatch agent send the logs of IRIS; nothing where the agent isn't installed.

    Args:
        host: The host.

    Raises:
        StepError: The agent doesn't take its configuration.
    """
    if not _CONTROL.exists():
        return
    text = json.dumps(_configuration(host), indent=2, sort_keys=True) + "\n"
    enabled = host.run(["systemctl", "is-enabled", "--quiet", _UNIT], check=False).status == 0
    with suppress(FileNotFoundError):
        if enabled and _GIVEN.read_text(encoding="utf-8") == text:
            return
    # The agent takes a copy, named like the file, enables its unit and starts anew.
    given = RUN / "cdk-intersystems.json"
    host.write(given, text)
    host.run([str(_CONTROL), "-a", "fetch-config", "-m", "ec2", "-s", "-c", f"file:{given}"])
    host.write(_GIVEN, text)


def _configuration(host: Context) -> dict[str, object]:
    files = [
        {
            "file_path": str(MANAGER / name),
            "log_group_name": host.settings.log_group,
            "log_stream_name": f"{name_of(host)}/{host.me.instance_id}/{name}",
            "multi_line_start_pattern": _ENTRY,
        }
        for name in _FILES
    ]
    return {"logs": {"logs_collected": {"files": {"collect_list": files}}}}

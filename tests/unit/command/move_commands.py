"""Commands of two regions, typed; and what is answered to them."""

from pathlib import Path

from typer.testing import CliRunner, Result

from cdk_intersystems.command.application import application
from tests.unit.command.fake_region import HASH, FakeRegion

ID = "m-20260131t120000-0123abcd"
ACCEPTED = {"POST /moves": (202, {"id": ID, "plan_hash": HASH, "epoch": 5, "expires_at": "2026-01-31T12:30:00Z"})}
APPROVED = {f"POST /moves/{ID}/approval": (200, {})}
LOSS = "I accept the loss of records that TRAK has not copied"
PROMOTE = ("promote", "--reason", "the region is lost", "--yes", "request promotion of TRAK to eu-west-1")
MAKE = "make TRAKC in eu-west-1 (dr) the primary of TRAK"
STEPS = {"fence": {"started_at": "2026-01-31T12:00:00Z", "done_at": "2026-01-31T12:00:05Z", "tries": 1, "error": ""}}


def run(region: FakeRegion, tmp_path: Path, command: str, *arguments: str, source: str = "trakcare") -> Result:
    """Type a command about the deployment in a folder."""
    options = ["--config-dir", str(tmp_path), "--endpoint-url", region.address]
    return CliRunner().invoke(application, [command, source, *arguments, *options])

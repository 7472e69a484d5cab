"""`rehearse`: promotes a clone of a DR member, beside the mirror, and deletes it."""

import json
import sys
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from rich.text import Text

from cdk_intersystems.model.names import region_state_table_name

from .confirm import confirm
from .errors import CommandError, told
from .main import EXIT_CODES, FAILED, OK, REFUSED
from .members import instances_of
from .moves import move_of
from .new_id import new_id
from .options import CONFIG_DIR, AsJson, ConfigDir, EndpointUrl, MirrorSet, Source, Yes
from .region_api import RegionApi
from .rehearsal.clone import Clones
from .target import Target, target_of

sleep: Callable[[float], None] = time.sleep


@told
def rehearse(
    source: Source,
    *,
    mirror_set: MirrorSet = None,
    yes: Yes = None,
    as_json: AsJson = False,
    endpoint_url: EndpointUrl = None,
    config_dir: ConfigDir = CONFIG_DIR,
) -> int:
    """Promote a clone of a DR member beside the mirror, tell how long that takes, and delete it."""
    target = target_of(source, mirror_set, config_dir, endpoint_url)
    name = target.mirror_set.name
    confirm(
        f"rehearse {name} in {target.dr.region}",
        [
            f"Rehearsal: a clone of a DR member of {name} is made from snapshots in {target.dr.region}, promoted where it "
            "reaches nobody, and deleted.",
            "The mirror is not touched. While it exists the clone is a copy of all data, as well encrypted, and billed.",
            f"What other rehearsals of {name} have made is deleted, also of one that runs now: rehearse one at a time.",
        ],
        yes,
    )
    _refuse_while_it_matters(target)
    member = _member(target)
    console = Console(stderr=True, quiet=as_json, highlight=False)
    rehearsal = new_id("r")
    clones = Clones(
        ec2=target.aws.client("ec2", target.dr.region),
        id=rehearsal,
        owner=f"{target.deployment.name}/{name}",
        sleep=sleep,
        tell=lambda line: console.print(Text(line)),
    )
    report = _rehearsed(clones, member)
    report = {"schema": 1, "id": rehearsal, "deployment": target.deployment.name, "mirror_set": name, **report}
    report["recorded"] = _record(target, report)
    if as_json:
        sys.stdout.write(json.dumps(report, indent=2) + "\n")
    else:
        _show(target, report)
    return OK if report["ok"] else FAILED


def _refuse_while_it_matters(target: Target) -> None:
    answer = RegionApi(target).current()
    move = move_of(answer, datetime.now(UTC))
    if (answer.get("region") or {}).get("serving") == "dr":
        raise CommandError(REFUSED, "the DR region serves: a primary isn't cloned; rehearse when it waits again", "serving")
    if move is not None and not move.ended:
        raise CommandError(REFUSED, f"a {move.kind} is under way: rehearse when it has ended", "under_way")


def _member(target: Target) -> Mapping[str, Any]:
    """The member to clone: b, if there are two, since a promotion rather takes a."""
    found = instances_of(target, target.dr.region)
    for letter in ("b", "a"):
        if letter in found and found[letter]["State"]["Name"] == "running":
            return found[letter]
    raise CommandError(REFUSED, f"no member of {target.mirror_set.name} runs in {target.dr.region}: start one", "no_member")


def _rehearsed(clones: Clones, member: Mapping[str, Any]) -> dict[str, Any]:
    began = time.monotonic()
    # What an earlier one has left that was interrupted.
    clones.clean_up()
    try:
        image = clones.make_image(member["InstanceId"])
        made = time.monotonic()
        group = clones.isolate(member["VpcId"])
        # Of its original's type, for whose memory it is set up.
        clone = clones.start(image, group, subnet=member["SubnetId"], instance_type=member["InstanceType"])
        launched = time.time()
        return _report(clones.result(clone), launched) | {"image_s": round(made - began, 1)}
    finally:
        clones.clean_up()


def _report(answer: Mapping[str, Any], launched: float) -> dict[str, Any]:
    if not answer["ok"]:
        return {"ok": False, "step": str(answer.get("step", "")), "why": str(answer.get("why", ""))}
    booted, started, primary = (float(answer.get(key, 0)) / 1000 for key in ("booted", "started", "primary"))
    return {
        "ok": True,
        # From the request for the instance, which has to start as one does that is given another type.
        "rto_s": round(primary - launched, 1),
        "stages": {
            "boot": round(booted - launched, 1),
            "start_iris": round(started - booted, 1),
            "promote": round(primary - started, 1),
        },
    }


def _record(target: Target, report: Mapping[str, Any]) -> bool:
    """Leaves it where readiness looks for the last drill; whoever may not write there has rehearsed all the same."""
    from botocore.exceptions import BotoCoreError, ClientError

    name = target.mirror_set.name
    item = {
        "key": {"S": f"{name}#rehearsal"},
        "completed_at": {"S": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"},
        "ok": {"BOOL": report["ok"]},
        "rto_seconds": {"N": str(report.get("rto_s", 0))},
    }
    table = region_state_table_name(target.deployment.name, name)
    try:
        target.aws.client("dynamodb", target.dr.region).put_item(TableName=table, Item=item)
    except (BotoCoreError, ClientError):
        return False
    return True


def _show(target: Target, report: Mapping[str, Any]) -> None:
    out = Console(highlight=False)
    if report["ok"]:
        stages = ", ".join(f"{name} {seconds:g} s" for name, seconds in report["stages"].items())
        out.print(Text(f"A clone of {target.mirror_set.name} was primary after {report['rto_s']:g} s ({stages})."))
    else:
        out.print(
            Text(f"The rehearsal of {target.mirror_set.name} FAILED at {report['step']}: {report['why']}", style="bold red")
        )
    out.print(Text("The clone, its image and its snapshots are deleted."))
    if not report["recorded"]:
        out.print(Text("It is not recorded, so readiness won't know of it: your role may not write to the regions' table."))


rehearse.__doc__ = f"{rehearse.__doc__}\n\n    {EXIT_CODES}\n    "

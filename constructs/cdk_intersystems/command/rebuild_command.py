"""`rebuild`: builds a member anew whose journals diverged, with a copy of another member's databases."""

import json
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from .confirm import confirm
from .errors import CommandError, told
from .main import EXIT_CODES, FAILED, OK, REFUSED, WRONG_CONFIGURATION
from .moves import move_of
from .new_id import new_id
from .options import CONFIG_DIR, AsJson, ConfigDir, EndpointUrl, MirrorSet, Source, Yes
from .rebuild.choose import check, is_primary, member_named, sentence, source_for
from .rebuild.hosts import Hosts, Member
from .rebuild.marks import REBUILD, tags_of
from .rebuild.roles import recorded_source, volumes_from
from .rebuild.run import Rebuild
from .region_api import RegionApi
from .target import Target, target_of

sleep: Callable[[float], None] = time.sleep

MemberName = Annotated[str, typer.Option("--member", help="System name of the member to build anew.")]
From = Annotated[
    str | None,
    typer.Option("--from", help="System name of the member whose databases are copied. Default: one that has caught up."),
]
NotRunning = Annotated[
    bool,
    typer.Option(
        "--not-running",
        help="Also a member that doesn't run, and can't say whether its journals diverged: it is started and asked before its "
        "volumes are touched.",
    ),
]
GiveUp = Annotated[
    bool, typer.Option("--give-up", help="End the rebuild that was interrupted, as long as the member is in the mirror.")
]
Anew = Annotated[bool, typer.Option("--anew", help="Don't go on with the rebuild that was interrupted: begin another one.")]


@told
def rebuild(
    source: Source,
    *,
    member: MemberName,
    from_member: From = None,
    not_running: NotRunning = False,
    anew: Anew = False,
    give_up: GiveUp = False,
    mirror_set: MirrorSet = None,
    yes: Yes = None,
    as_json: AsJson = False,
    endpoint_url: EndpointUrl = None,
    config_dir: ConfigDir = CONFIG_DIR,
) -> int:
    """Build a member anew whose journals diverged: with a copy of another member's databases. Run again, it goes on."""
    target = target_of(source, mirror_set, config_dir, endpoint_url)
    console = Console(stderr=True, quiet=as_json, highlight=False)

    def tell(line: str) -> None:
        console.print(Text(line))

    if give_up:
        return _given_up(target, member, tell, yes, as_json=as_json)
    _refuse_while_it_moves(target)
    work, question, consequences = _prepared(target, member, from_member, tell, not_running=not_running, anew=anew)
    confirm(question, consequences, yes)
    report = _done(work, anew=anew)
    names = {"deployment": target.deployment.name, "mirror_set": target.mirror_set.name, "member": member}
    report = {"schema": 1, "id": work.value.rpartition("/")[2], **names, **report}
    if as_json:
        sys.stdout.write(json.dumps(report, indent=2) + "\n")
    else:
        _show(report)
    return OK


def _refuse_while_it_moves(target: Target) -> None:
    move = move_of(RegionApi(target).current(), datetime.now(UTC))
    if move is not None and not move.ended:
        raise CommandError(REFUSED, f"a {move.kind} is under way: build the member anew when it has ended", "under_way")


def _prepared(
    target: Target,
    name: str,
    wanted: str | None,
    tell: Callable[[str], None],
    *,
    not_running: bool,
    anew: bool,
) -> tuple[Rebuild, str, list[str]]:
    """The rebuild that is to be done or gone on with, and what is to be confirmed. Nothing is changed."""
    members = Hosts(target, sleep).members()
    member = member_named(members, name)
    others = [each for each in members if each is not member]
    before = tags_of(member.instance).get(REBUILD, "")
    value = before if before and not anew else f"{target.mirror_set.name}/{name}/{new_id('b')}"

    if value == before:
        open_one = _work(target, member, before, tell, name=recorded_source(target, before))
        slots = open_one.slots()
        copied, done = all(slot.new for slot in slots), all(slot.done for slot in slots)
        if not done:
            check(member, others, unasked=True)
        source = None if copied else _source(open_one, member, others, wanted)
        if wanted and copied and wanted != open_one.source_name:
            message = (
                f"the databases of {open_one.source_name} are copied already: say --from {open_one.source_name}, or --anew"
            )
            raise CommandError(WRONG_CONFIGURATION, message, "usage")
        work = _work(target, member, before, tell, source=source, name=open_one.source_name)
        tell(f"going on with the rebuild {before}")
    else:
        check(member, others, unasked=not_running)
        source = source_for(member, others, wanted)
        if before and any(slot.begun and not slot.done for slot in _work(target, member, before, tell).slots()):
            message = f"the volumes of {name} are being replaced by {before}: run it without --anew, then with it"
            raise CommandError(REFUSED, message, "halfway")
        work = _work(target, member, value, tell, source=source)
        _check_volumes(work, source)
    primary = source is not None and is_primary(source)
    return work, sentence(name, work.source_name, primary=primary), _consequences(work, primary=primary)


def _given_up(target: Target, name: str, tell: Callable[[str], None], yes: str | None, *, as_json: bool) -> int:
    member = member_named(Hosts(target, sleep).members(ask=False), name)
    value = tags_of(member.instance).get(REBUILD, "")
    if not value:
        raise CommandError(REFUSED, f"no rebuild of {name} is open", "not_open")
    work = _work(target, member, value, tell)
    if work.has_left:
        raise CommandError(
            REFUSED, f"{name} has left the mirror: only going on brings it back, so run it without --give-up", "left"
        )
    confirm(f"give up the rebuild of {name}", [f"The copies for {name} are deleted. What was kept of it stays."], yes)
    work.give_up()
    kept = work.snapshots.kept(member.region)
    if as_json:
        sys.stdout.write(json.dumps({"schema": 1, "given_up": value, "kept_snapshots": kept}, indent=2) + "\n")
    else:
        Console(highlight=False).print(
            Text(f"The rebuild of {name} is given up. IRIS may be stopped there. Kept: {', '.join(kept)}")
        )
    return OK


def _work(
    target: Target, member: Member, value: str, tell: Callable[[str], None], *, source: Member | None = None, name: str = ""
) -> Rebuild:
    """A rebuild, from a source, or from one whose databases are copied already and whose name is known."""
    return Rebuild(
        target=target,
        member=member,
        source=source,
        source_name=source.name if source else name,
        value=value,
        sleep=sleep,
        tell=tell,
        # Whoever reads JSON has to know of it as well, or waits for ever.
        call=lambda line: Console(stderr=True, highlight=False).print(Text(line, style="bold")),
        check=lambda: _refuse_while_it_moves(target),
    )


def _source(work: Rebuild, member: Member, others: Sequence[Member], wanted: str | None) -> Member:
    """The source of a rebuild that is gone on with: the same, if its snapshots are there, whatever it is now."""
    name = work.source_name
    same = next((each for each in others if each.name == name and each.instance), None)
    if same is not None and wanted in (None, name):
        volumes = [each["VolumeId"] for each in volumes_from(work.target, same)]
        if work.snapshots.good(same.region, volumes):
            return same
    return source_for(member, others, wanted)


def _check_volumes(work: Rebuild, source: Member) -> None:
    slots, volumes = work.slots(), volumes_from(work.target, source)
    plain = [each["VolumeId"] for each in (*(slot.old for slot in slots), *volumes) if not each.get("KmsKeyId")]
    if plain:
        raise CommandError(REFUSED, f"not encrypted with a key of KMS, and so not copied: {', '.join(plain)}", "volumes")
    if len([slot for slot in slots if slot.role == "data"]) != len(volumes):
        message = f"{work.member.name} and {source.name} have their databases on different numbers of volumes"
        raise CommandError(REFUSED, message, "volumes")


def _consequences(work: Rebuild, *, primary: bool) -> list[str]:
    name, source = work.member.name, work.source_name
    lines = [
        f"Rebuild: IRIS and the host of {name} are stopped, and it gets the databases of {source}.",
        f"Records that only {name} has stay in snapshots, which are kept, and nowhere else.",
    ]
    if primary:
        lines.append(f"{source} is the primary, and alone: its users wait while its databases are frozen.")
    return lines


def _done(work: Rebuild, *, anew: bool) -> dict[str, Any]:
    """Does it; what keeps it from its end is told together with what things are like."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        if anew:
            work.abandon()
        return work.run()
    except CommandError as error:
        raise CommandError(FAILED, _where(work, error.message), error.code) from None
    except (BotoCoreError, ClientError) as error:
        raise CommandError(FAILED, _where(work, f"AWS: {error}"), "aws") from None
    except KeyboardInterrupt:
        raise CommandError(FAILED, _where(work, "interrupted"), "interrupted") from None


def _where(work: Rebuild, message: str) -> str:
    return f"{message.rstrip('. ')}. Now {work.state}. Run it again: it goes on from there."


def _show(report: dict[str, Any]) -> None:
    out = Console(highlight=False)
    out.print(Text(f"{report['member']} is built anew from {report['source']}, and has caught up."))
    out.print(Text(f"Kept, with what only it had: {', '.join(report['kept_snapshots'])}"))
    out.print(Text("Its former volumes are kept too. When nothing of them is wanted any more:"))
    for line in report["delete_later"]:
        out.print(Text(f"  {line}"))


rebuild.__doc__ = f"{rebuild.__doc__}\n\n    {EXIT_CODES}\n    "

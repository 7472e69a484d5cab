"""The mirror: who creates it, who joins, and when a member is in its place. See docs/adr/0007-who-creates-the-mirror.md.

A mirror that spans regions is created in its home region. Members of the DR region join it for disaster recovery; so does a
member of the home region that comes back without its volumes while the DR region holds the mirror.
"""

from __future__ import annotations

import json
import secrets
import time
from typing import TYPE_CHECKING

from .. import iris, left_mirror, network
from ..aws import ssm
from ..aws.client import AwsError
from ..context import sync
from ..errors import StepError
from ..layout import ISCAGENT_PORT, MIRROR_STATUS_PORT, OWN
from .authorize import authorize, authorize_clients
from .certificates import trust_others
from .instance import bring_up, restart

if TYPE_CHECKING:
    from ..context import Context

#: On the volume of the installation: who has the volume, has the number.
_NUMBER = OWN / "claim"

#: Policy: the others' hosts may just be starting and installing.
_ARBITER_SECONDS = 900
_PRIMARY_SECONDS = 3600
_READY_SECONDS = 1800
#: A member that has joined and isn't in place after this time, nor on its way, is restarted, once. Seen by others, and
#: documented nowhere: "Without restart, FAILOVER member fails to retrieve (mirror) journal file", IRISMeister/azure-arm.
_RESTART_SECONDS = 90
#: The other region's members publish their authority when they first start.
_TRUST_SECONDS = 900
_ON_ITS_WAY = ("Synchronizing", "Transition")


def claim(host: Context) -> None:
    """Claims the mirror for this member, if nobody has; the one who has it creates the mirror.

    Nothing is claimed by a member that is in the mirror already, nor by one for disaster recovery, nor before the arbiter
    answers.

    Raises:
        StepError: The arbiter doesn't answer.
    """
    if _joins_for_certain(host):
        return
    number = _number(host)
    claimed = _claimed(host)
    if not claimed:
        arbiter = host.description.mirror.arbiter
        host.wait_until(
            f"the arbiter to take connections at {arbiter}, port {ISCAGENT_PORT}",
            lambda: network.takes_connections(arbiter, ISCAGENT_PORT),
            seconds=_ARBITER_SECONDS,
        )
        value = json.dumps({"member": host.description.name, "number": number})
        ssm.put_parameter_once(host.aws, host.description.mirror.created_parameter, value)
        claimed = _claimed(host)
    mine = claimed.get("number") == number
    host.log(f"{'this member creates' if mine else claimed.get('member', 'another member') + ' has created'} the mirror")


def start_member(host: Context) -> None:
    """Has the instance run as what the member is to be: the one that creates the mirror, or one that joins it.

    Raises:
        StepError: There is no primary to join, or the instance didn't become that; with what IRIS said. Or it was taken out of
            the mirror to be rebuilt.
    """
    left_mirror.refuse()
    if creates(host):
        bring_up(host, host.config("create.cpf"))
        return
    if iris.is_configured(host, iris.installed(host)):
        # What it does to a mirror that is there, nothing, is the same in all files; these never make another.
        bring_up(host, host.config(_join_files(host)[0]))
        return
    try:
        _join(host)
    except StepError as error:
        # Source: High Availability Guide, "Editing or Removing a Failover Member": that is done by a person, on the primary.
        raise StepError(
            f"{error}. If this member was in the mirror before and lost its volumes, remove it there first (Edit Mirror, "
            "Remove Other Mirror Member), then run cdk-host serve"
        ) from None


def join_again(host: Context) -> bool:
    """Has a member that was taken out of the mirror join it once more, through whoever is primary now.

    Returns:
        Whether there was a primary to join.

    Raises:
        StepError: It didn't become a member; with what IRIS said.
    """
    name = network.primary_of(host, everywhere=True)
    if not trust_others(host):
        return False
    if name is None:
        return _tries_the_silent(host, network.others_of(host, everywhere=True), [])
    bring_up(host, host.config(_join_file(host, name)))
    return True


def authorize_peers(host: Context) -> None:
    """Authorizes the application servers and, on the primary, who waits to join; later a timer does that.

    Raises:
        StepError: IRIS refused it.
    """
    authorize_clients(host)
    authorize(host)


def mirror_is_ready(host: Context) -> None:
    """Waits until the member is in its place: primary, backup, or connected for disaster recovery.

    Raises:
        StepError: It isn't in time; with what IRIS said.
    """
    began, said = time.monotonic(), iris.log_size()
    restarted = False

    def is_in_place() -> bool:
        nonlocal restarted
        instance = iris.installed(host)
        late = time.monotonic() - began > _RESTART_SECONDS
        if late and not restarted and not instance.is_in_place and instance.mirror_status not in _ON_ITS_WAY:
            restarted = True
            shown = instance.mirror_status or "not in the mirror"
            host.log(f"still {shown} after {_RESTART_SECONDS} s: restarting the instance once")
            restart(host)
            instance = iris.installed(host)
        return instance.is_in_place

    mirror = host.description.mirror.name
    try:
        host.wait_until(f"this member to take its place in the mirror {mirror}", is_in_place, seconds=_READY_SECONDS)
    except StepError as error:
        instance = iris.installed(host)
        shown = f"{instance.status}, {instance.member_type or 'no member'}, {instance.mirror_status or 'no mirror status'}"
        raise StepError(f"{error}: it is {shown}{iris.complaint(said)}") from None


def creates(host: Context) -> bool:
    """Whether this member is the one that creates the mirror, which it may do again after an interruption.

    Raises:
        StepError: Nobody has claimed the mirror.
    """
    if _joins_for_certain(host):
        return False
    claimed = _claimed(host)
    if not claimed:
        raise StepError(f"nobody has claimed the mirror ({host.description.mirror.created_parameter}): run cdk-host serve")
    return claimed.get("number") == _number(host)


def _joins_for_certain(host: Context) -> bool:
    dr = host.description.member_type == "dr"
    return dr or left_mirror.read() is not None or iris.is_configured(host, iris.installed(host))


def _number(host: Context) -> str:
    """The number that stands for this member's installation volume. On disk before anybody hears of it."""
    if not _NUMBER.exists():
        host.write(_NUMBER, secrets.token_hex(16), mode=0o600)
        sync(OWN)
    return _NUMBER.read_text(encoding="ascii").strip()


def _claimed(host: Context) -> dict[str, str]:
    """What was claimed; empty if nothing was."""
    name = host.description.mirror.created_parameter
    try:
        text = ssm.get_parameter(host.aws, name)
    except AwsError as error:
        if error.code != "ParameterNotFound":
            raise
        return {}
    try:
        value = json.loads(text)
        return {"member": str(value["member"]), "number": str(value["number"])}
    except (ValueError, KeyError, TypeError):
        raise StepError(
            f"the SSM parameter {name} is no claim of a member: nobody creates the mirror as long as it is there"
        ) from None


def _join(host: Context) -> None:
    """Joins the mirror through its primary, wherever that is."""
    mirror = host.description.mirror
    others = network.others_of(host, everywhere=True)
    shown = ", ".join(f"{name} ({address})" for name, address in others.items())
    found: list[str] = []
    tried: list[str] = []

    def is_there() -> bool:
        name = network.primary_of(host, everywhere=True)
        if name is not None:
            found.append(name)
        elif not trust_others(host):
            # Nobody is tried before the other region's certificates are taken for good: joining would fail for another reason.
            return False
        return bool(found) or _tries_the_silent(host, others, tried)

    host.wait_until(f"a primary of the mirror {mirror.name} to join: {shown}", is_there, seconds=_PRIMARY_SECONDS, every=3)
    if not found:
        return
    if found[0] in mirror.others:
        _wait_for_trust(host)
    bring_up(host, host.config(_join_file(host, found[0])))


def _tries_the_silent(host: Context, others: dict[str, str], tried: list[str]) -> bool:
    """Tries, once each, those that can't be asked whether they are primary: outside AWS there is no responder of ours.

    Returns:
        Whether this member has joined through one of them.
    """
    for name, address in others.items():
        if name in tried or name not in host.description.mirror.others:
            continue
        if network.takes_connections(address, MIRROR_STATUS_PORT) or not network.takes_connections(address, ISCAGENT_PORT):
            continue
        tried.append(name)
        try:
            bring_up(host, host.config(_join_file(host, name)))
        except StepError as error:
            host.log(f"could not join through {name} ({address}): {error}")
            continue
        return True
    if tried and len(tried) == len(host.description.mirror.others):
        # Again from the beginning, in the next round.
        tried.clear()
    return False


def _wait_for_trust(host: Context) -> None:
    region = host.description.mirror.other_authority_region
    host.wait_until(
        f"the certificate authority of the members in {region}", lambda: trust_others(host), seconds=_TRUST_SECONDS, every=10
    )


def _join_file(host: Context, primary: str) -> str:
    """The merge file to join through a primary with: as a failover member only next to one of the own region."""
    if host.description.member_type == "failover" and primary in host.description.mirror.members:
        return "join.cpf"
    return f"join-async-{primary}.cpf"


def _join_files(host: Context) -> list[str]:
    return [_join_file(host, name) for name in network.others_of(host, everywhere=True)]

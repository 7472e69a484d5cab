"""New members, and new names of known ones, on the primary: who asks to be let in, and who is (HA 4.7.3, 5.4)."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from .installation import IrisError
from .mirror_config import Entry
from .tls import same_name

if TYPE_CHECKING:
    from .member import Member


class Joining:
    """What waits for authorization.

    Attributes:
        pending: Distinguished name -> the new member.
        renamed: Distinguished name -> the member whose new name it is.
    """

    def __init__(self, member: "Member") -> None:
        self.pending: dict[str, Entry] = {}
        self.renamed: dict[str, str] = {}
        self._member = member

    async def request(self, request: dict[str, Any]) -> dict[str, Any]:
        """A host asks, through this host's agent, to become a member.

        Raises:
            IrisError: If it is refused; the texts are those of the Error Reference.
        """
        member, entry = self._member, Entry(**request["entry"])
        config = member.config
        if request["mirror"] != member.name:
            raise IrisError(f"Mirror set name '{request['mirror']}' is not configured")
        if not member.is_primary():
            raise IrisError("Operation can only be performed on the primary mirror member")
        known = config.members.get(entry.name)
        if known and known.guid != entry.guid:
            raise IrisError(f"Invalid mirror configuration for {member.name}, system name '{entry.name}' is not unique")
        others = [one for one in config.failover() if one.name != entry.name]
        if entry.member_type == 0 and len(others) > 1:
            raise IrisError("There are already more than one failover member configured")
        if not config.use_ssl:
            await self._add(entry)
        elif not entry.dn:
            raise IrisError(f"'{entry.name}' member missing mirror SSL configuration")
        elif any(same_name(one.dn, entry.dn) for one in config.members.values() if one.name != entry.name):
            # Class Reference, Config.MapMirrors, SSLComputerName: unique. That another one is refused isn't public.
            raise IrisError(f"Distinguished name {entry.dn} is that of another member")
        elif known is None:
            member.log(1, f"Member {entry.name} ({entry.dn}) is pending for authorization")
            self.pending[entry.dn] = entry
        # The joiner knows the mirror as it is, and itself in it.
        shared = config.shared()
        shared["members"][entry.name] = entry.to_json()
        return {"shared": shared}

    async def _add(self, entry: Entry) -> None:
        config = self._member.config
        config.members[entry.name] = entry
        self._member.save_config()
        self._member.log(0, f"Member {entry.name} was added to mirror {self._member.name}")
        if self._member.primary:
            await self._member.primary.propagate()

    def unknown_name(self, dn: str, name: str) -> None:
        """A connection with a certificate that isn't a member's: a known member's new name has to be authorized."""
        self._member.say(
            2, f"Mirror connection of {name or 'a member'} was dropped: {dn or 'no certificate'} is not authorized"
        )
        if dn and name in self._member.config.members and self._member.is_primary():
            self.renamed[dn] = name

    async def authorize(self, dn: str) -> None:
        """SYS.Mirror.AuthorizePendingMembers() for one name.

        Raises:
            IrisError: If this isn't the primary, or the name isn't pending (Class Reference: "returns an error").
        """
        member = self._member
        if not member.is_primary():
            raise IrisError("Operation can only be performed on the primary mirror member")
        for waiting, entry in list(self.pending.items()):
            if same_name(waiting, dn):
                del self.pending[waiting]
                await self._add(entry)
                return
        for waiting, name in list(self.renamed.items()):
            if same_name(waiting, dn):
                del self.renamed[waiting]
                await self._add(replace(member.config.members[name], dn=waiting))
                return
        raise IrisError(f"{dn} is not in the pending list")

    def reject(self, name: str) -> None:
        """SYS.Mirror.RemoveFromApprovalList()."""
        self.pending = {dn: entry for dn, entry in self.pending.items() if entry.name != name}
        self.renamed = {dn: known for dn, known in self.renamed.items() if known != name}

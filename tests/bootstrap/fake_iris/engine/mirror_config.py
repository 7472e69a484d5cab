"""What the CPF says of a mirror: [Mirrors], [MapMirrors.name] and [MirrorMember], with the fields that the CPF guide gives
them.
"""

import csv
import io
from dataclasses import dataclass, field, replace
from typing import Any

from .cpf import Document

#: Properties of MirrorInfo (Class Reference, SYS.Mirror.CreateNewMirrorSet()) that stand in [Mirrors], by their place there.
_PLACES = {
    "DefinedPrimary": 3, "QOSTimeout": 4, "UseSSL": 6, "VirtualAddress": 7, "ArbiterNode": 9, "CompressionForFailoverMembers":
    10, "CompressionForAsyncMembers": 11, "AllowParallelDejournaling": 12, "CompressionTypeForFailoverMembers": 13,
    "CompressionTypeForAsyncMembers": 14,
}  # fmt: skip


@dataclass(frozen=True)
class Entry:
    """A member as every member knows it.

    Attributes:
        member_type: 0 failover, 2 async.
        dn: SSLComputerName: the distinguished name of its certificate. Empty: no TLS.
    """

    name: str
    agent_address: str
    agent_port: int
    superserver: str
    guid: str
    directory: str
    member_type: int
    private: str
    port: int
    dn: str = ""

    def to_json(self) -> dict[str, Any]:
        return dict(self.__dict__)

    def cpf_value(self) -> str:
        out = io.StringIO()
        csv.writer(out, lineterminator="").writerow(
            [self.agent_address, self.agent_port, "", self.superserver, self.guid, self.directory, self.member_type,
            self.private, self.port, "", 0, self.dn]
        )  # fmt: skip
        return out.getvalue()


def _entry(name: str, value: str) -> Entry:
    fields = [*next(csv.reader([value])), *[""] * 12]
    return Entry(
        name,
        fields[0],
        int(fields[1] or 2188),
        fields[3],
        fields[4],
        fields[5],
        int(fields[6]),
        fields[7],
        int(fields[8]),
        fields[11],
    )


@dataclass
class MirrorConfig:
    """A mirror's configuration, as one member has it.

    Attributes:
        name: The mirror's name.
        me: This member's name in it.
    """

    name: str
    guid: str
    me: str
    properties: dict[str, str] = field(default_factory=dict)
    members: dict[str, Entry] = field(default_factory=dict)

    @property
    def qos_seconds(self) -> float:
        return int(self.properties.get("QOSTimeout") or 8000) / 1000

    @property
    def use_ssl(self) -> bool:
        return self.properties.get("UseSSL") == "1"

    @property
    def arbiter(self) -> tuple[str, int] | None:
        node, _, port = self.properties.get("ArbiterNode", "").partition("|")
        return (node, int(port or 2188)) if node else None

    @property
    def myself(self) -> Entry:
        return self.members[self.me]

    def failover(self) -> list[Entry]:
        return [entry for entry in self.members.values() if entry.member_type == 0]

    def other_failover(self) -> Entry | None:
        """The other failover member, if one is configured."""
        return next((entry for entry in self.failover() if entry.name != self.me), None)

    def authorized(self, dn: str) -> bool:
        """Whether a distinguished name is that of a member."""
        from .tls import same_name

        return any(entry.dn and same_name(entry.dn, dn) for entry in self.members.values())

    def take_over(self, shared: dict[str, Any]) -> None:
        """Takes what the primary says of the mirror."""
        self.properties = dict(shared["properties"])
        self.members = {name: Entry(**value) for name, value in shared["members"].items()}

    def shared(self) -> dict[str, Any]:
        """What a primary tells the other members."""
        members = {name: entry.to_json() for name, entry in self.members.items()}
        return {"guid": self.guid, "properties": self.properties, "members": members}

    def with_dn(self, name: str, dn: str) -> None:
        self.members[name] = replace(self.members[name], dn=dn)

    def store(self, cpf: Document) -> None:
        """Writes it into a CPF."""
        fields = [self.guid, "2", "1", "", "8000", "0", "0", "", "0", "", "0", "0", "0", "0", "0"]
        for key, place in _PLACES.items():
            fields[place] = self.properties.get(key, fields[place])
        cpf.set("Mirrors", self.name, ",".join(fields))
        cpf.remove(f"MapMirrors.{self.name}")
        for entry in self.members.values():
            cpf.set(f"MapMirrors.{self.name}", entry.name, entry.cpf_value())


def load(cpf: Document) -> MirrorConfig | None:
    """The mirror that a CPF has; None if it has none. (Reporting members of several mirrors aren't here.)"""
    mirrors = cpf.entries("Mirrors")
    if not mirrors:
        return None
    name, value = next(iter(mirrors.items()))
    fields = [*value.split(","), *[""] * 15]
    properties = {key: fields[place] for key, place in _PLACES.items() if fields[place]}
    members = {key: _entry(key, text) for key, text in cpf.entries(f"MapMirrors.{name}").items()}
    return MirrorConfig(name, fields[0], cpf.get("MirrorMember", "SystemName"), properties, members)

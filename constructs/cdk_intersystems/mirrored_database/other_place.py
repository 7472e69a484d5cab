"""What a mirror has in another place, in its other region or on premises: members, and who says which place holds it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import AddressValueError, IPv4Address, IPv4Network
from typing import Literal, get_args

from aws_cdk import ArnFormat, Stack
from aws_cdk import aws_iam as iam
from constructs import Construct

from cdk_intersystems.model.host_description import Other, RegionStateAt
from cdk_intersystems.model.names import authority_parameter
from cdk_intersystems.model.topology import AwsRole


@dataclass(frozen=True, kw_only=True)
class OtherPlace:
    """The other place of a mirror, as `MirroredDatabase` was told of it.

    Args:
        mirror: Name of the mirror, for errors.
        role: The role of the region this side of the mirror is in.
        members: System name -> address of the members elsewhere.
        subjects: System name -> subject of the certificate, of those whose certificate isn't this deployment's.
        arbiter: Address of the arbiter there. Empty: there is none.
        region: The AWS region they are in. Empty: they are in none.
        state: The table that says which region holds the mirror.
        probe_cidrs: Ranges from which the other place asks the members here for their mirror status.
    """

    mirror: str
    role: AwsRole = "primary"
    members: Mapping[str, str] = field(default_factory=dict)
    subjects: Mapping[str, str] = field(default_factory=dict)
    arbiter: str = ""
    region: str = ""
    state: RegionStateAt | None = None
    probe_cidrs: Sequence[str] = ()

    def __post_init__(self) -> None:
        """Refuse what can't be.

        Raises:
            ValueError: The arguments are no addresses or ranges, or don't fit each other.
        """
        if self.role not in get_args(AwsRole):
            raise ValueError(f"role of {self.mirror} is {' or '.join(get_args(AwsRole))}, got {self.role!r}")
        if self.role == "dr" and not self.members:
            raise ValueError(f"supply others, the members that {self.mirror} has elsewhere: in the DR region members join them")
        if self.role == "dr" and self.state is None:
            raise ValueError(
                f"supply region_state, the table that says which region holds {self.mirror}: members in the DR region ask it "
                "before they start"
            )
        for name, address in self.members.items():
            self._check_address(f"others[{name!r}]", address)
        if len(set(self.members.values())) < len(self.members):
            raise ValueError(f"others of {self.mirror} has an address twice: {dict(self.members)}")
        if self.arbiter:
            self._check_address("other_arbiter", self.arbiter)
        if unknown := sorted(self.subjects.keys() - self.members.keys()):
            raise ValueError(f"other_subjects of {self.mirror} names {', '.join(unknown)}, which others doesn't")
        if not self.members and (self.arbiter or self.region or self.state):
            raise ValueError(
                f"{self.mirror} has other_arbiter, other_region or region_state without others: supply the members that it has "
                "elsewhere, or none of them"
            )
        for cidr in self.probe_cidrs:
            try:
                IPv4Network(cidr)
            except ValueError:
                raise ValueError(f"probe_cidrs of {self.mirror} needs IPv4 ranges, got {cidr!r}") from None

    def facts(self) -> dict[str, Other]:
        """The members elsewhere, as hosts are told of them."""
        kind: Literal["failover", "dr"] = "failover" if self.role == "dr" else "dr"
        return {
            name: Other(address=address, subject=self.subjects.get(name, ""), member_type=kind)
            for name, address in self.members.items()
        }

    def statements(self, scope: Construct, deployment: str) -> list[iam.PolicyStatement]:
        """What a member here may read elsewhere: which region holds its mirror, and the certificate of the authority there.

        No region refers to the other: everything is named by what the configuration says alone.

        Args:
            scope: A construct of a stack of the deployment.
            deployment: Name of the deployment.
        """
        found = []
        stack = Stack.of(scope)
        if self.state is not None:
            found += [
                iam.PolicyStatement(
                    sid="WhichRegionHolds",
                    actions=["dynamodb:GetItem"],
                    resources=[
                        stack.format_arn(
                            service="dynamodb", region=self.state.region, resource="table", resource_name=self.state.table
                        )
                    ],
                    conditions={
                        "ForAllValues:StringEquals": {"dynamodb:LeadingKeys": [self.mirror]},
                        # For all values is true where there is none, too.
                        "Null": {"dynamodb:LeadingKeys": "false"},
                    },
                ),
                # Source: Amazon DynamoDB Developer Guide, "How DynamoDB encryption at rest uses AWS KMS", encryption context.
                iam.PolicyStatement(
                    sid="DecryptWhichRegionHolds",
                    actions=["kms:Decrypt"],
                    resources=[_any_key(stack, self.state.region)],
                    conditions={
                        "StringEquals": {
                            "kms:ViaService": f"dynamodb.{self.state.region}.amazonaws.com",
                            "kms:EncryptionContext:aws:dynamodb:tableName": self.state.table,
                        }
                    },
                ),
            ]
        if self.region:
            parameter = authority_parameter(deployment, self.mirror).removeprefix("/")
            found.append(
                iam.PolicyStatement(
                    sid="AuthorityElsewhere",
                    actions=["ssm:GetParameter"],
                    resources=[
                        stack.format_arn(service="ssm", region=self.region, resource="parameter", resource_name=parameter)
                    ],
                )
            )
        return found

    def wildcards(self, scope: Construct) -> dict[str, str]:
        """The resource with a wildcard in the statements, with the reason."""
        return {} if self.state is None else {_any_key(Stack.of(scope), self.state.region): _BY_TABLE}

    def _check_address(self, what: str, address: str) -> None:
        try:
            IPv4Address(address)
        except AddressValueError:
            raise ValueError(f"{what} of {self.mirror} needs an IPv4 address, got {address!r}") from None


def _any_key(stack: Stack, region: str) -> str:
    return stack.format_arn(
        service="kms", region=region, resource="key", resource_name="*", arn_format=ArnFormat.SLASH_RESOURCE_NAME
    )


_BY_TABLE = (
    "no region refers to the other, so the key of the table that says which region holds the mirror can't be named; the "
    "conditions admit decryption for that one table alone, and by DynamoDB alone"
)

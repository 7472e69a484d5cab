"""Amazon Resource Names: taking them apart, and checking that they name what a key is for."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, Self

ArnKind = Literal[
    "kms-key",
    "acm-certificate",
    "sns-topic",
    "iam-role",
    "iam-policy",
    "secret",
    "private-ca",
    "lambda-layer",
    "routing-control",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Arn:
    """The parts of an ARN: `arn:<partition>:<service>:<region>:<account>:<resource>`."""

    partition: str
    service: str
    region: str
    account: str
    resource: str

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Takes an ARN apart; `None` if the text is none."""
        parts = text.split(":", 5)
        if len(parts) != 6 or parts[0] != "arn" or not parts[1] or not parts[2] or not parts[5]:
            return None
        return cls(partition=parts[1], service=parts[2], region=parts[3], account=parts[4], resource=parts[5])


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shape:
    service: str
    resource: re.Pattern[str]
    example: str
    regional: bool = True


_UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"

#: Source: Service Authorization Reference, resource types of each service.
_SHAPES: Final[Mapping[ArnKind, _Shape]] = {
    "kms-key": _Shape(
        service="kms",
        resource=re.compile(rf"key/({_UUID}|mrk-[0-9a-f]{{32}})"),
        example="arn:aws:kms:<region>:<account>:key/<key id>",
    ),
    "acm-certificate": _Shape(
        service="acm",
        resource=re.compile(rf"certificate/{_UUID}"),
        example="arn:aws:acm:<region>:<account>:certificate/<certificate id>",
    ),
    "sns-topic": _Shape(
        service="sns",
        resource=re.compile(r"[A-Za-z0-9_-]{1,256}"),
        example="arn:aws:sns:<region>:<account>:<topic name>",
    ),
    "iam-role": _Shape(
        service="iam",
        resource=re.compile(r"role/([\x21-\x7e]+/)*[A-Za-z0-9+=,.@_-]{1,64}"),
        example="arn:aws:iam::<account>:role/<role name>",
        regional=False,
    ),
    "iam-policy": _Shape(
        service="iam",
        resource=re.compile(r"policy/([\x21-\x7e]+/)*[A-Za-z0-9+=,.@_-]{1,128}"),
        example="arn:aws:iam::<account>:policy/<policy name>",
        regional=False,
    ),
    "secret": _Shape(
        service="secretsmanager",
        resource=re.compile(r"secret:[A-Za-z0-9/_+=.@-]{1,512}-[A-Za-z0-9]{6}"),
        example="arn:aws:secretsmanager:<region>:<account>:secret:<name>-<six characters>",
    ),
    "private-ca": _Shape(
        service="acm-pca",
        resource=re.compile(rf"certificate-authority/{_UUID}"),
        example="arn:aws:acm-pca:<region>:<account>:certificate-authority/<id>",
    ),
    "lambda-layer": _Shape(
        service="lambda",
        resource=re.compile(r"layer:[A-Za-z0-9_-]{1,140}:[1-9][0-9]*"),
        example="arn:aws:lambda:<region>:<account>:layer:<layer name>:<version>",
    ),
    "routing-control": _Shape(
        service="route53-recovery-control",
        resource=re.compile(r"controlpanel/[0-9a-zA-Z]{1,64}/routingcontrol/[0-9a-zA-Z]{1,64}"),
        example="arn:aws:route53-recovery-control::<account>:controlpanel/<id>/routingcontrol/<id>",
        regional=False,
    ),
}


def shape_problem(text: str, kind: ArnKind) -> str | None:
    """Says why a text is not the ARN of a kind of resource; `None` if it is."""
    shape, arn = _SHAPES[kind], Arn.parse(text)
    if (
        arn is not None
        and arn.service == shape.service
        and bool(re.fullmatch(r"[a-z0-9-]+", arn.region)) == shape.regional
        and (bool(re.fullmatch(r"[0-9]{12}", arn.account)) or (kind == "iam-policy" and arn.account == "aws"))
        and shape.resource.fullmatch(arn.resource)
    ):
        return None
    return f"needs an ARN like {shape.example}"


def place_problem(text: str, *, partition: str, region: str | None = None, account: str | None = None) -> str | None:
    """Says why a well-formed ARN cannot be used where the deployment is.

    Args:
        text: The ARN, its shape already checked.
        partition: The partition of the deployment's region.
        region: The region the resource must be in. Default: any.
        account: The account the resource must be in. Default: any.

    Returns:
        What is wrong, in words; `None` if nothing is.
    """
    arn = Arn.parse(text)
    if arn is None:
        return "needs an ARN"
    problems = []
    if arn.partition != partition:
        problems.append(f"it is in the partition {arn.partition}, the deployment in {partition}")
    if region is not None and arn.region and arn.region != region:
        problems.append(f"it is in the region {arn.region}, but must be in {region}")
    if account is not None and arn.account not in (account, "aws"):
        problems.append(f"it is of the account {arn.account}, but must be of {account}")
    return "; ".join(problems) or None

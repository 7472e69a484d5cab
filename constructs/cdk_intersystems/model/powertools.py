"""AWS Lambda Powertools' public layer, the one thing the deployed functions need beside what their runtime has."""

from __future__ import annotations

from typing import Final

PYTHON: Final = "python3.14"
"""The runtime of the deployed functions, as Lambda names it."""

#: Source: Powertools for AWS Lambda (Python), "Installation", "Lambda Layer": account and version of the layer, the same in
#: every region of the partition. Version 37 is the newest one its documentation names for all of them.
_ACCOUNT, _VERSION = "017000801446", 37

#: Source: the same page, "AWS China regions" and "AWS GovCloud regions": region -> account and version.
_ELSEWHERE: Final = {
    "cn-north-1": ("498634801083", 37),
    "us-gov-east-1": ("165087284144", 27),
    "us-gov-west-1": ("165093116878", 27),
}


def powertools_layer(region: str, partition: str) -> str:
    """The ARN of the layer for x86-64 functions.

    Args:
        region: The function's region.
        partition: Its partition.

    Raises:
        ValueError: There is none in this region: a copy of it has to be brought.
    """
    account, version = _ELSEWHERE.get(region, (_ACCOUNT, _VERSION))
    if partition != "aws" and region not in _ELSEWHERE:
        raise ValueError(
            f"AWS Lambda Powertools has no public layer in {region}: publish a copy of it there, and give its ARN as "
            "powertools_layer"
        )
    name = f"AWSLambdaPowertoolsPythonV3-{PYTHON.replace('.', '')}-x86_64"
    return f"arn:{partition}:lambda:{region}:{account}:layer:{name}:{version}"

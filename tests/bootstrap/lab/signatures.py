"""Whether a request is signed as AWS wants it: botocore signs it once more, and both signatures are compared."""

from datetime import UTC, datetime

from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from tests.bootstrap.lab.wire import Answer, Request, refuse

#: Source: Signature Version 4: a request is good for 5 minutes; Amazon S3 error codes, RequestTimeTooSkewed: for S3, 15.
_GOOD_FOR_SECONDS = 300
_GOOD_FOR_SECONDS_S3 = 900


def signature_of(request: Request, secret: str, token: str) -> str:
    """The signature that botocore makes for a request.

    Args:
        request: The request; which headers are signed is up to it.
        secret: The secret access key.
        token: The session token.
    """
    names = request.headers["authorization"].partition("SignedHeaders=")[2].partition(",")[0].split(";")
    assert {"host", "x-amz-date", "x-amz-security-token"} <= set(names), f"not signed: {names}"
    kind = S3SigV4Auth if request.service == "s3" else SigV4Auth
    signer = kind(Credentials(request.key_id, secret, token), request.service, request.region)
    again = AWSRequest(method=request.method, url=f"http://{request.headers['host']}{request.path}", data=request.body)
    for name in names:
        again.headers[name] = request.headers[name]
    again.context["timestamp"] = request.headers["x-amz-date"]
    return str(signer.signature(signer.string_to_sign(again, signer.canonical_request(again)), again))


def refusal(request: Request, secret: str, token: str, now: datetime) -> Answer | None:
    """How AWS refuses a request that isn't well signed, or None.

    Args:
        request: The request.
        secret: The secret access key of its key id.
        token: The session token that belongs to it.
        now: What AWS's clock says.
    """
    made = datetime.strptime(request.headers["x-amz-date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    limit = _GOOD_FOR_SECONDS_S3 if request.service == "s3" else _GOOD_FOR_SECONDS
    if abs((made - now).total_seconds()) > limit:
        if request.service == "s3":
            message = "The difference between the request time and the current time is too large."
            return refuse(request, "RequestTimeTooSkewed", 403, message)
        if request.service == "ec2":
            return refuse(request, "RequestExpired", 400, "Request has expired.")
        message = f"Signature not valid at this time: {made:%Y%m%dT%H%M%SZ} is too far from {now:%Y%m%dT%H%M%SZ} (5 min.)"
        json = "x-amz-target" in request.headers
        return refuse(request, "InvalidSignatureException" if json else "SignatureDoesNotMatch", 400 if json else 403, message)
    if request.headers.get("x-amz-security-token") != token:
        return refuse(request, "UnrecognizedClientException", 400, "The security token included in the request is invalid.")
    if not request.headers["authorization"].endswith(f"Signature={signature_of(request, secret, token)}"):
        message = "The request signature we calculated does not match the signature you provided."
        return refuse(request, "SignatureDoesNotMatch", 403, message)
    return None

"""Has the load balancer lead where the deployed listener's weights say.

`moved_listener.py JSON` with endpoint, region, account, listener (ARN), groups: ARN of a target group -> what HAProxy calls it,
socket (HAProxy's), and map (HAProxy's map of what leads where). It asks DescribeListeners again and again. A line of JSON
whenever the listener leads elsewhere:

{"at": 12.3, "leads": "listener-10-20-144-17"}
"""

import contextlib
import json
import socket
import sys
import time
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

EVERY_SECONDS = 0.1


def leading(listener: dict[str, Any]) -> str:
    """The ARN of the target group that a listener gives connections to; empty if it is not one."""
    weights = [
        (group["TargetGroupArn"], group.get("Weight", 1))
        for action in listener["DefaultActions"]
        for group in action.get("ForwardConfig", {}).get("TargetGroups", [])
    ]
    found = [arn for arn, weight in weights if weight > 0]
    return found[0] if len(found) == 1 else ""


def _tell(where: str, command: str) -> str:
    with socket.socket(socket.AF_UNIX) as asking:
        asking.connect(where)
        asking.sendall(f"{command}\n".encode())
        return b"".join(iter(lambda: asking.recv(65536), b"")).decode().strip()


def main(given: dict[str, Any]) -> None:
    config = Config(retries={"total_max_attempts": 1}, connect_timeout=2, read_timeout=5)
    session = boto3.session.Session(given["account"], "embedded", region_name=given["region"])
    elb = session.client("elbv2", endpoint_url=given["endpoint"], config=config)
    before = ""
    while True:
        began = time.monotonic()
        # HAProxy may not be there yet, and AWS not answer: the next look comes soon.
        with contextlib.suppress(BotoCoreError, ClientError, OSError):
            (listener,) = elb.describe_listeners(ListenerArns=[given["listener"]])["Listeners"]
            name = given["groups"].get(leading(listener), "")
            if name and name != before:
                if answer := _tell(given["socket"], f"set map {given['map']} listener {name}"):
                    print(answer, flush=True)
                else:
                    print(json.dumps({"at": round(time.monotonic(), 4), "leads": name}), flush=True)
                    before = name
        time.sleep(max(0.0, began + EVERY_SECONDS - time.monotonic()))


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))

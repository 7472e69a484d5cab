"""The VPC's router: has packets for overlay addresses go where the deployed route tables say.

`vpc_router.py JSON` with endpoint, region, account, vpc, client (an address), vips: address -> port, 0 for "as it is", and
enter: the beginning of a command in the namespace that routes. It asks DescribeRouteTables again and again, and follows the
table of the client's subnet: a host of it has this router as its gateway. A line of JSON whenever a table has changed:

{"at": 12.3, "vip": "10.255.0.1", "followed": "i-..", "tables": {"rtb-..": "i-..", "rtb-..": null}}

An overlay address with a port is led to that port of the member instead, from this router's own address: for a second overlay
address, which no member knows.
"""

import contextlib
import ipaddress
import json
import subprocess
import sys
import time
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

EVERY_SECONDS = 0.1
_RULES = """
add table ip overlay
add chain ip overlay arriving {{ type nat hook prerouting priority dstnat; }}
add chain ip overlay leaving {{ type nat hook postrouting priority srcnat; }}
flush chain ip overlay arriving
flush chain ip overlay leaving
add rule ip overlay arriving ip daddr {vip} tcp dport {service} dnat to {member}:{port}
add rule ip overlay leaving ct status dnat masquerade
"""
SERVICE_PORT = 1972


class Router:
    """Follows."""

    def __init__(self, given: dict[str, Any]) -> None:
        config = Config(retries={"total_max_attempts": 1}, connect_timeout=2, read_timeout=5)
        session = boto3.session.Session(given["account"], "embedded", region_name=given["region"])
        self._ec2 = session.client("ec2", endpoint_url=given["endpoint"], config=config)
        self._vpc, self._client, self._vips = given["vpc"], given["client"], given["vips"]
        self._enter = given["enter"]
        self._addresses: dict[str, str] = {}
        self._said: dict[str, tuple[dict[str, str | None], str | None]] = {}
        subnets = self._ec2.describe_subnets(Filters=[{"Name": "vpc-id", "Values": [self._vpc]}])["Subnets"]
        here = ipaddress.ip_address(self._client)
        self._subnet = next(each["SubnetId"] for each in subnets if here in ipaddress.ip_network(each["CidrBlock"]))

    def look(self) -> None:
        found = self._ec2.describe_route_tables(Filters=[{"Name": "vpc-id", "Values": [self._vpc]}])["RouteTables"]
        for vip, port in self._vips.items():
            tables = {table["RouteTableId"]: _target(table, f"{vip}/32") for table in found}
            followed = next((tables[table["RouteTableId"]] for table in found if self._is_clients(table)), None)
            if (tables, followed) != self._said.get(vip):
                self._follow(vip, port, followed)
                self._said[vip] = (tables, followed)
                at = round(time.monotonic(), 4)
                print(json.dumps({"at": at, "vip": vip, "followed": followed, "tables": tables}), flush=True)

    def _is_clients(self, table: dict[str, Any]) -> bool:
        return any(each.get("SubnetId") == self._subnet for each in table.get("Associations", []))

    def _follow(self, vip: str, port: int, instance: str | None) -> None:
        if instance is None:
            self._run("ip", "route", "replace", "blackhole", f"{vip}/32")
            return
        if instance not in self._addresses:
            described = self._ec2.describe_instances(InstanceIds=[instance])["Reservations"][0]["Instances"][0]
            self._addresses[instance] = described["PrivateIpAddress"]
        member = self._addresses[instance]
        # A blackhole that is there already is another kind of route, which `replace` of the other kind would leave beside it.
        subprocess.run([*self._enter, "ip", "route", "del", "blackhole", f"{vip}/32"], stderr=subprocess.DEVNULL, check=False)
        self._run("ip", "route", "replace", f"{vip}/32", "via", member)
        if port:
            self._run("nft", "-f", "-", stdin=_RULES.format(vip=vip, service=SERVICE_PORT, member=member, port=port))

    def _run(self, *command: str, stdin: str = "") -> None:
        subprocess.run([*self._enter, *command], input=stdin, text=True, check=True)


def _target(table: dict[str, Any], destination: str) -> str | None:
    routes = [each for each in table["Routes"] if each.get("DestinationCidrBlock") == destination]
    return routes[0].get("InstanceId") if routes else None


def main(given: str) -> None:
    router = Router(json.loads(given))
    while True:
        began = time.monotonic()
        with contextlib.suppress(BotoCoreError, ClientError):
            router.look()
        time.sleep(max(0.0, began + EVERY_SECONDS - time.monotonic()))


if __name__ == "__main__":
    main(sys.argv[1])

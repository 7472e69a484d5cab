"""The routes that lead an address outside the VPC's range to the routed member."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from .errors import RoutingError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .core import Claim
    from .patience import Patience
    from .settings import RouteVip

# As `model/tags.py` of the library has them.
_DEPLOYMENT_TAG = "cdk-intersystems:deployment"
_SUBNETS_TAG = "cdk-intersystems:subnets"
#: Where clients are: their tables come first.
_CLIENTS = ("public", "web", "application")
#: How many tables are written at a time. EC2 takes 50 writes at once and then 5 a second (Amazon EC2 Developer Guide, "Request
#: throttling for the Amazon EC2 API", mutating actions); more at a time only meet more refusals.
_AT_A_TIME = 5
#: How many are led before the run looks again: as many as EC2 takes at once. Of hundreds another run, woken by the schedule,
#: leads some meanwhile, and a write of what is led already costs as much of EC2's patience as one that is needed.
_ROUND = 50
_PAGE = 100


class RouteTables:
    """The route tables of one VIP, as places of the router.

    Args:
        ec2: A client of EC2; it may be used by several threads.
        vip: The address, and where its routes are.
        deployment: Name of the deployment.
        patience: The time of the run.
    """

    def __init__(self, ec2: Any, vip: RouteVip, deployment: str, patience: Patience) -> None:
        self._ec2 = ec2
        self._vip = vip
        self._deployment = deployment
        self._patience = patience
        self._without: set[str] = set()

    def look(self, claim: Claim) -> tuple[str, ...]:
        """The tables that don't lead to the claim's instance, clients' first; of hundreds those of the next round.

        Args:
            claim: The claim.

        Raises:
            RoutingError: They can't be read, or there are none.
        """
        tables = self._tables()
        if not tables:
            raise RoutingError(f"there is no route table for {self._vip.destination} in {self._vip.vpc}")
        wrong = []
        self._without.clear()
        for table in tables:
            route = next(
                (route for route in table["Routes"] if route.get("DestinationCidrBlock") == self._vip.destination), None
            )
            if route is None:
                self._without.add(table["RouteTableId"])
            # A route to the right instance that is stopped is a black hole, and would be one again.
            if route is None or route.get("InstanceId") != claim.instance_id:
                wrong.append(table["RouteTableId"])
        return tuple(wrong[:_ROUND])

    def point(self, claim: Claim, tables: tuple[str, ...]) -> None:
        """Leads tables to the claim's instance. A route is replaced or, where there is none, created; never deleted.

        Args:
            claim: The claim.
            tables: Ids of the tables.

        Raises:
            RoutingError: Some could not be written; all others were.
        """
        if len(tables) == 1:
            failures = [self._write(tables[0], claim.instance_id)]
        else:
            with ThreadPoolExecutor(_AT_A_TIME) as pool:
                failures = list(pool.map(lambda table: self._write(table, claim.instance_id), tables))
        if said := [failure for failure in failures if failure]:
            raise RoutingError(f"{len(said)} of {len(tables)} route tables could not be written: {said[0]}")

    def _write(self, table: str, instance: str) -> str:
        """Writes one route, and says why it couldn't."""
        action = self._ec2.create_route if table in self._without else self._ec2.replace_route
        request = {"RouteTableId": table, "DestinationCidrBlock": self._vip.destination, "InstanceId": instance}
        try:
            self._patience.call(f"write the route of {table}", action, **request)
        except ClientError as error:
            code = error.response["Error"]["Code"]
            # Somebody else has created the route, or the table is gone, since we looked: the next look shows it.
            return "" if code in ("RouteAlreadyExists", "InvalidRouteTableID.NotFound") else f"{table}: {code}"
        except RoutingError as error:
            return str(error)
        return ""

    def _tables(self) -> list[dict[str, Any]]:
        if self._vip.route_tables:
            ids = list(self._vip.route_tables)
            found = [table for start in range(0, len(ids), _PAGE) for table in self._by_id(ids[start : start + _PAGE])]
            if len(found) > _ROUND:
                return _in_any_order(found)
            order = {table: place for place, table in enumerate(ids)}
            return sorted(found, key=lambda table: order[table["RouteTableId"]])
        filters = [
            {"Name": "vpc-id", "Values": [self._vip.vpc]},
            {"Name": f"tag:{_DEPLOYMENT_TAG}", "Values": [self._deployment]},
        ]
        tables = sorted(self._pages(Filters=filters, MaxResults=_PAGE), key=lambda table: str(table["RouteTableId"]))
        if len(tables) > _ROUND:
            tables = _in_any_order(tables)
        return sorted(tables, key=_clients_first)

    def _by_id(self, ids: list[str]) -> Iterable[dict[str, Any]]:
        # By a filter: an id that is gone is left out then, and no reason to lead nobody.
        return self._pages(Filters=[{"Name": "route-table-id", "Values": ids}])

    def _pages(self, **request: Any) -> list[dict[str, Any]]:
        tables: list[dict[str, Any]] = []
        try:
            while True:
                answer = self._patience.call("read the route tables", self._ec2.describe_route_tables, **request)
                tables += answer["RouteTables"]
                if not answer.get("NextToken"):
                    return tables
                request["NextToken"] = answer["NextToken"]
        except ClientError as error:
            raise RoutingError(f"EC2 refused to read the route tables: {error.response['Error']['Code']}") from error


def _in_any_order(tables: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """So that of hundreds, runs that are at work at the same time begin with others."""
    return random.sample(tables, len(tables))


def _clients_first(table: dict[str, Any]) -> int:
    subnets = next((tag["Value"] for tag in table.get("Tags", []) if tag["Key"] == _SUBNETS_TAG), "")
    return _CLIENTS.index(subnets) if subnets in _CLIENTS else len(_CLIENTS)

"""What keeps the router from leading clients to the member it should."""


class RoutingError(Exception):
    """Nothing can be done now, and nothing was lost: the message stays, and the next run tries again."""


class DamagedRecordError(RoutingError):
    """A record of the route epoch table can't be what a member or the router has written."""


class UnknownInstanceError(RoutingError):
    """A claim names an instance that isn't the member's."""


class OutOfTimeError(RoutingError):
    """The function's time is nearly over; what is done already stays done."""

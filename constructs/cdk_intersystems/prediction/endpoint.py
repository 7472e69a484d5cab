"""What clients connect to, whatever leads them."""

from collections.abc import Callable
from typing import Protocol

from .clock import Signal


class Endpoint(Protocol):
    """A way to the primary.

    Attributes:
        name: The strategy.
        changed: Fired whenever new connections may be led elsewhere.
        on_reset: Called with a member whose connections are reset by what stands between.
        moves_packets: Whether packets of existing connections follow: to a host that knows no such connection and resets it.
    """

    name: str
    changed: Signal
    on_reset: list[Callable[[str], None]]
    moves_packets: bool

    def choices(self) -> tuple[str, ...]:
        """The members that a new connection may reach, each as likely as the others; none: it reaches nobody."""
        ...

    def acted_at(self) -> float:
        """When our part was last done: the route or listener written, the health check's threshold reached."""
        ...

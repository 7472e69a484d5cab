"""What keeps the watch from carrying the latch."""


class LatchError(Exception):
    """The latch couldn't be carried now, and nothing was lost: the next minute's run tries again."""


class DamagedRecordError(LatchError):
    """A record of the regions' state can't be what the promotion or the watch has written: the carrier is left as it is."""


class MoveError(Exception):
    """It isn't known now how long a move has been under way. Nothing that the watch does depends on it."""

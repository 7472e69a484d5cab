"""What keeps a move from going on."""


class MoveRefusedError(Exception):
    """The move, or what somebody asks of it, is not to be done; repeating it changes nothing.

    Args:
        code: One word for programs.
        message: What is wrong, and what to do.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class StepError(Exception):
    """A step could not be done now. What is done stays done, and the step is repeated."""


class DamagedRecordError(Exception):
    """A record of the table can't be what was written here: a person has to look."""

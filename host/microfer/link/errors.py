"""What a connection raises, each with the next step in its message."""

from microfer.errors import MicroferError
from microfer.link.layout import Message
from microfer.link.messages import BoardError, ErrorCode


class LinkLostError(MicroferError):
    """The port was lost and did not come back in time."""


class NoAnswerError(MicroferError):
    """The board did not answer, however often it was asked."""


class RefusedError(MicroferError):
    """The board answered a command with an error; `code` says which."""

    def __init__(self, error: BoardError) -> None:
        self.code = error.code
        super().__init__(f"the board refused: {error.text or error.code.name} ({error.code.doc})")


class OtherVersionError(MicroferError):
    """The board speaks another version of the protocol; the message says which side to update."""


def is_to_be_sent_again(error: BoardError, message: Message, sequence: int) -> bool:
    """Return whether this error asks for the message anew. Raises RefusedError where it will never be taken."""
    if error.code == ErrorCode.COMMAND_DAMAGED:
        return True
    if (error.command_type, error.command_sequence) != (message.TYPE, sequence):
        return False
    raise RefusedError(error)

"""An instance in, the status of its C-STORE out: what the gate does at the door, without the network."""

from peers import wire

from listener.gate import command as dimse
from listener.gate.association import Taking
from listener.gate.negotiation import Context
from listener.reception import Carrier, Reception
from listener.spool import Spool

PIECE_BYTES = 1 << 16


def take(
    spool: Spool, carrier: Carrier, instance: wire.Instance, share: float = 1, piece: int = PIECE_BYTES
) -> int | None:
    """Receive one instance; None where only a share of its data set arrives."""
    request = dimse.parse(instance.command())
    context = Context(instance.sop_class, wire.EXPLICIT)
    with Reception(request, context, 1 << 30, spool, carrier) as reception:
        content = memoryview(instance.data_set())
        fill(reception, content[: int(len(content) * share)], piece)
        return reception.finish().status if share == 1 else None


def fill(taking: Taking, data: memoryview, piece: int = PIECE_BYTES) -> None:
    """Bring a data set as the gate does: at most `piece` bytes at a time, while there is room."""
    while data and (room := taking.room()):
        size = min(len(room), len(data), piece)
        room[:size] = data[:size]
        taking.filled(size)
        data = data[size:]

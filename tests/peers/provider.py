"""pynetdicom as a service class provider on loopback, in a thread of this process, while a block lasts."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from socketserver import BaseServer

from pynetdicom import AE
from pynetdicom.events import EventHandlerType
from pynetdicom.transport import ThreadedAssociationServer

POLL_S = 0.02
"""How often the server looks whether it is to end: `AE.start_server` does so every half a second."""


@contextmanager
def providing(application: AE, handlers: Sequence[EventHandlerType], port: int = 0) -> Iterator[int]:
    """A port, the one given or a free one, where the application answers."""
    server = application.make_server(
        ("127.0.0.1", port), evt_handlers=list(handlers), server_class=ThreadedAssociationServer
    )
    threading.Thread(target=server.serve_forever, args=(POLL_S,), daemon=True).start()
    try:
        yield server.server_address[1]
    finally:
        BaseServer.shutdown(server)
        server.server_close()

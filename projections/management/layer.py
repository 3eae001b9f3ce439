"""The warning of commands that cannot reach the sockets of the servers."""

from __future__ import annotations

from django.core.management.base import BaseCommand

from presence_events.concurrency import sending_loop
from projections import conf

__all__ = ["warn_of_layer_in_memory"]

_IN_MEMORY = (
    "The channel layer is in memory, so this process cannot reach the sockets of the servers: what its receivers send "
    "to a group is lost, and a pruned socket is closed only by the next heartbeat of its server. Use channels_redis, "
    "or let the server prune (CHANNELS_PRESENCE_PRUNE_IN_SERVER)."
)


def warn_of_layer_in_memory(command: BaseCommand, verbosity: int) -> None:
    """Writes to the standard error of ``command`` that its process cannot reach sockets, if the layer is in memory.

    Writes nothing with a ``verbosity`` of 0, or if a server process calls the command: its layer has the sockets.
    """
    if verbosity > 0 and conf.layer_is_in_memory() and sending_loop() is None:
        command.stderr.write(_IN_MEMORY, command.style.WARNING)

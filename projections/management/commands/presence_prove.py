"""manage.py presence_prove: writes a proof that a stay is in the sealed log."""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from presence_events.models import PresenceEvent
from presence_events.seals.proving import prove
from projections.management import arguments
from projections.management.errors import FAILED, reported_errors
from projections.management.output import closed_pipe_exits


class Command(BaseCommand):
    help = (
        "Writes a proof that the join and the end of a stay are in the sealed log, as JSON. It shows no other event. "
        "presence_events/seals/verifier.py verifies it with a copy of the seals. The exit status is 2 if the stay is "
        "not sealed yet, or if the command fails."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("session", type=int, metavar="SESSION", help="the number of the stay")
        arguments.add_room(parser)
        arguments.add_database(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        using = arguments.chosen_database(options)
        with reported_errors(), closed_pipe_exits(self.stdout):
            events = PresenceEvent.objects.using(using).filter(session=options["session"]).exclude(kind="touch")
            if options["room"]:
                events = events.filter(room=options["room"])
            positions = list(events.values_list("id", flat=True))
            if not positions:
                raise CommandError(f"The log has no stay {options['session']}.", returncode=FAILED)
            self.stdout.write(json.dumps(prove(positions, using=using), indent=1, ensure_ascii=False))

"""manage.py prune_presences: for cron, on sites without Celery beat."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from presence_events.exceptions import InvalidAge
from projections.management.layer import warn_of_layer_in_memory
from projections.models import Room


class Command(BaseCommand):
    help = "Prunes connections without a recent sign of life, sends the signals, and prints how many were pruned."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--age", type=float, help="seconds without a sign of life (default: CHANNELS_PRESENCE_MAX_AGE)"
        )
        parser.add_argument("--database", help="alias of the database (default: all that can have rooms)")

    def handle(self, *args: Any, **options: Any) -> None:
        warn_of_layer_in_memory(self, options["verbosity"])
        try:
            pruned = Room.objects.db_manager(options["database"]).prune_presences(options["age"])
        except InvalidAge as error:
            raise CommandError(str(error)) from None
        self.stdout.write(f"{pruned} pruned")

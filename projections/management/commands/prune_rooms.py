"""manage.py prune_rooms: for cron, on sites without Celery beat."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from projections.management.layer import warn_of_layer_in_memory
from projections.models import Room


class Command(BaseCommand):
    help = "Removes empty rooms and prints how many were removed."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--database", help="alias of the database (default: all that can have rooms)")

    def handle(self, *args: Any, **options: Any) -> None:
        warn_of_layer_in_memory(self, options["verbosity"])
        pruned = Room.objects.db_manager(options["database"]).prune_rooms()
        self.stdout.write(f"{pruned} pruned")

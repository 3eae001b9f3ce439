"""manage.py prune_rooms: for cron, where there is no Celery beat."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from projections.models import Room


class Command(BaseCommand):
    help = "Removes the rooms in which nobody is, and says how many there were."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--database", help="alias of the database (default: where the router writes)")

    def handle(self, *args: Any, **options: Any) -> None:
        pruned = Room.objects.db_manager(options["database"]).prune_rooms()
        self.stdout.write(f"{pruned} pruned")

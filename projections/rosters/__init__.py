"""Live rosters: the people in a room, in the browser.

    from projections.rosters import Roster


    class TeamRoster(Roster):
        def serialize(self, members):
            return {member.id: {"name": member.name} for member in members}


    class TeamConsumer(AsyncPresenceMixin, AsyncJsonWebsocketConsumer):
        presence_roster = TeamRoster()

        async def connect(self):
            await self.accept()
            await self.join_room("team")

In the page, ``projections/static/projections/roster.js`` keeps the list. ``docs/reference/roster-protocol.md``
specifies the messages.
"""

from projections.rosters.members import Connection, Counts, Member
from projections.rosters.roster import Roster
from projections.rosters.socket import RosterSocket

__all__ = ["Connection", "Counts", "Member", "Roster", "RosterSocket"]

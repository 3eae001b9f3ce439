"""The client in Python and the client in JavaScript, to which the same happens."""

from __future__ import annotations

from typing import Any

from projections.testing import RosterClient
from tests.projections.rosters.node import NodeClient

Message = dict[str, Any]


class Twins:
    """A `RosterClient` of ``room``, and what `roster.js` has to do too. The methods return the messages for the server.

    `compare` does in Node what was done here, in one go.
    """

    def __init__(self, room: str) -> None:
        self.python = RosterClient(room, self._send)
        self._sent: list[Message] = []
        self._events: list[list[Any]] = []
        self._steps: list[tuple[Message, dict[str, Any] | None]] = []
        self._do("new", room=room, options={"pause": 0})
        for name in ("join", "leave", "update"):
            getattr(self.python, f"on_{name}")(
                lambda member, before, name=name: self._events.append([name, {"member": member, "before": before}])
            )
        self.python.on_sync(lambda: self._events.append(["sync", None]))

    def follow(self) -> list[Message]:
        self.python.follow()
        self._do("opened")
        return self._done()

    def pause(self) -> list[Message]:
        self.python.unfollow()
        self._do("page", state="hidden")
        self._do("advance", ms=0)
        return self._done()

    def resume(self) -> list[Message]:
        self.python.follow()
        self._do("page", state="visible")
        return self._done()

    def receive(self, message: Message | str) -> list[Message]:
        handled = self.python.receive(message)
        self._do("receive", message=message)
        return self._done(handled=handled)

    def compare(self, process: NodeClient) -> None:
        """Asserts that `roster.js` has the same, reports the same and sends the same after every step."""
        answers = process.do_all([command for command, _ in self._steps])
        for (command, done), answer in zip(self._steps, answers, strict=True):
            if done is not None:
                did = {name: answer[name] for name in done}
                did["events"] = [event for event in answer["events"] if event[0] != "state"]
                assert did == done, command
                # In Python true equals 1, and the order of keys does not count.
                assert repr(did) == repr(done), command
        self._steps.clear()

    def _send(self, message: Message) -> None:
        self._sent.append(message)

    def _do(self, command: str, **arguments: Any) -> None:
        self._steps.append(({"do": command, **arguments}, None))

    def _done(self, **done: Any) -> list[Message]:
        """Notes what the client in Python did since the last call. Returns what it sent."""
        python, sent = self.python, self._sent
        done |= {
            "members": [*python.members.values()],
            "mark": python.mark,
            "people": python.people,
            "anonymous": python.anonymous,
            "listed_all": python.listed_all,
            "events": self._events,
            "sent": sent,
        }
        command, _ = self._steps.pop()
        self._steps.append((command, done))
        self._sent, self._events = [], []
        return [*sent]

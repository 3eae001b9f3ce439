"""The examples of the roster protocol: what both clients send, and what they make of the messages of the server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from projections.testing import RosterClient
from tests.docs.pages import blocks
from tests.projections.rosters.node import NodeClient, running

PAGES = ("docs/reference/roster-protocol.md", "docs/reference/roster-messages.md")
EXAMPLES = [json.loads(block) for block in blocks(PAGES, "json")]
FOLLOW, UNFOLLOW, SNAPSHOT, DIFF, NO_CHANGE, UNFOLLOWED, REFUSED = EXAMPLES


class PythonClient:
    """The client in Python, with the answers of the one in JavaScript, as far as the tests need them."""

    def __init__(self) -> None:
        self._sent: list[dict[str, Any]] = []
        self._client = RosterClient("lobby", self._sent.append)

    def follow(self) -> dict[str, Any]:
        self._client.follow()
        return self._answer()

    def unfollow(self) -> dict[str, Any]:
        self._client.unfollow()
        return self._answer()

    def receive(self, message: dict[str, Any]) -> dict[str, Any]:
        assert self._client.receive(json.dumps(message))
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        client = self._client
        sent, self._sent[:] = [*self._sent], []
        return {
            "sent": sent,
            "mark": client.mark,
            "people": client.people,
            "anonymous": client.anonymous,
            "members": [*client.members.values()],
            "reason": client.refused,
        }


class JavaScriptClient:
    def __init__(self, process: NodeClient) -> None:
        self._process = process
        process.do("new", room="lobby", options={"pause": 0})

    def follow(self) -> dict[str, Any]:
        return self._process.do("opened")

    def unfollow(self) -> dict[str, Any]:
        """Hides the page for long enough."""
        self._process.do("page", state="hidden")
        return self._process.do("advance", ms=0)

    def receive(self, message: dict[str, Any]) -> dict[str, Any]:
        answer = self._process.do("receive", message=json.dumps(message))
        assert answer["handled"]
        return answer


@pytest.fixture(params=["Python", "JavaScript"])
def client(request: pytest.FixtureRequest) -> Iterator[Any]:
    if request.param == "Python":
        yield PythonClient()
    else:
        with running() as process:
            yield JavaScriptClient(process)


def test_every_type_that_the_page_names_has_an_example() -> None:
    types = {example["type"] for example in EXAMPLES}
    assert types == {
        "presence.follow",
        "presence.unfollow",
        "presence.snapshot",
        "presence.diff",
        "presence.unfollowed",
        "presence.refused",
    }


def test_the_clients_send_what_the_page_shows(client: Any) -> None:
    assert client.follow()["sent"] == [FOLLOW]
    assert client.unfollow()["sent"] == [UNFOLLOW]


def test_the_clients_apply_what_the_page_shows(client: Any) -> None:
    client.follow()
    first = client.receive(SNAPSHOT)
    assert {name: first[name] for name in ("mark", "people", "anonymous", "members")} == {
        name: SNAPSHOT[name] for name in ("mark", "people", "anonymous", "members")
    }
    second = client.receive(DIFF)
    assert second["members"] == [*DIFF["updated"], *DIFF["joined"]]
    assert (second["mark"], second["people"], second["anonymous"]) == ("a2", 2, 1)
    # What is repeated, or changes nothing, leaves everything as it is.
    for message in (DIFF, NO_CHANGE):
        again = client.receive(message)
        assert (again["members"], again["mark"], again["sent"]) == (second["members"], "a2", [])
    dropped = client.receive(UNFOLLOWED)
    assert (dropped["members"], dropped["people"], dropped["anonymous"], dropped["sent"]) == ([], 0, 0, [])
    refused = client.receive(REFUSED)
    assert (refused["reason"], refused["sent"]) == ("version", [])


def test_the_clients_ask_for_what_they_missed(client: Any) -> None:
    client.follow()
    client.receive(SNAPSHOT)
    missed = client.receive({**DIFF, "before": "a2", "mark": "a3"})
    assert (missed["sent"], missed["mark"]) == ([{**FOLLOW, "mark": "a1"}], "a1")

"""The stays of people in each room. The numbers are made up to look plausible."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from random import Random

from history.people import AGENTS, COMMUTER, EVENING_AGENT, NIGHT_WATCH, STUDENTS, TEACHER, TEAM, WRITERS
from history.stay import MINUTE, SECOND, Stay, pruned_stay, stay

OPENS = -5.75
"""When the history begins: a quarter past six in the evening before."""
CLOSES = 17.95
AFTER_END = 18.5
"""After the end of the history: a stay until then is cut at the end."""

VISITORS_PER_HOUR = {-6: 7, -4: 5, -2: 3, 0: 1.5, 5: 3, 7: 9, 9: 18, 12: 12, 13: 19, 16: 13}
"""How many visitors come to the support room in an hour, by the hour from which on the number applies."""


def all_stays(chance: Random) -> Iterator[Stay]:
    for room in (lobby, train, standup, all_hands, agents, visitors, classroom, design_doc):
        yield from room(chance)


def lobby(chance: Random) -> Iterator[Stay]:
    """People come in the morning, go for lunch and go home. Some leave the tab open during lunch."""
    for name in (*TEAM, *STUDENTS):
        comes, goes = chance.triangular(7.4, 10, 9), chance.triangular(15.8, CLOSES, 17.4)
        lunch = chance.gauss(12.3, 0.2)
        back = lunch + chance.uniform(0.5, 1.1)
        if chance.random() < 0.2:
            yield stay(chance, "lobby", name, comes, goes, away=(lunch, back))
        else:
            yield from tabs(chance, name, comes, lunch)
            yield from tabs(chance, name, back, goes)
        for _ in range(chance.randint(0, 4)):
            looks = chance.choice([comes - chance.random(), chance.uniform(lunch, back), chance.uniform(comes, 16.5)])
            yield from phone(chance, name, looks)
    for name in chance.sample(TEAM, 9):
        evening = chance.uniform(OPENS, -4)
        yield stay(chance, "lobby", name, evening, evening + chance.uniform(0.2, 1.6))
        yield from phone(chance, name, chance.uniform(-4, -0.5))
    for hour in range(-1, 6):
        yield from phone(chance, NIGHT_WATCH, hour + chance.uniform(0, 0.2))


def tabs(chance: Random, name: str, comes: float, goes: float) -> Iterator[Stay]:
    """A tab that is sometimes reloaded or closed for a while, and sometimes a second tab."""
    breaks = sorted(chance.uniform(comes, goes) for _ in range(chance.choice([0, 1, 1, 2, 3])))
    for end in (*breaks, goes):
        if end - comes > MINUTE:
            yield stay(chance, "lobby", name, comes, end)
            comes = end + chance.choice([chance.uniform(0.4, 3) * SECOND, chance.uniform(3, 20) * MINUTE])
        if chance.random() < 0.3 and goes - comes > 0.3:
            second = chance.uniform(comes, goes - 0.2)
            yield stay(chance, "lobby", name, second, chance.uniform(second + 0.05, goes))


def phone(chance: Random, name: str, looks: float) -> Iterator[Stay]:
    """A short look. One in three puts the phone down without closing the page, and is pruned."""
    puts_away = looks + chance.uniform(0.7, 9) * MINUTE
    if chance.random() < 0.33:
        yield pruned_stay(chance, "lobby", name, looks, puts_away, device="phone")
    else:
        yield stay(chance, "lobby", name, looks, puts_away, device="phone")


def train(chance: Random) -> Iterator[Stay]:
    """The Wi-Fi of a train. It breaks in each tunnel, and is back before or after the prune."""
    for departs, arrives in ((7.25, 8.2), (17.05, 17.85)):
        boards = departs
        while boards < arrives:
            tunnel = boards + chance.uniform(0.6, 4.5) * MINUTE
            yield pruned_stay(chance, "lobby", COMMUTER, boards, tunnel)
            boards = tunnel + chance.uniform(8, 80) * SECOND


def standup(chance: Random) -> Iterator[Stay]:
    """A meeting of a quarter of an hour at half past nine. All come within two minutes, except two."""
    for place, name in enumerate(TEAM[:16]):
        joined = 9.5 + (chance.uniform(3, 7) if place in (6, 13) else chance.uniform(-0.7, 1.3)) * MINUTE
        yield from unsteady_stays(chance, "standup", name, joined, 9.75 + chance.uniform(-1, 1.5) * MINUTE, trouble=0.1)


def all_hands(chance: Random) -> Iterator[Stay]:
    """A meeting of an hour at two in the afternoon. Some come late, and some leave early."""
    for name in (*TEAM, *STUDENTS):
        joined = 14 + chance.triangular(-6, 9, 0) * MINUTE
        left = chance.uniform(14.4, 14.9) if chance.random() < 0.15 else 15 + chance.uniform(-1, 4) * MINUTE
        yield from unsteady_stays(chance, "all-hands", name, joined, left, trouble=0.12)
        if chance.random() < 0.15:
            yield stay(chance, "all-hands", name, joined + chance.uniform(1, 9) * MINUTE, left, device="phone")


def agents(chance: Random) -> Iterator[Stay]:
    """The support agents, in shifts that overlap by half an hour. There is always one."""
    first, second, third = AGENTS
    for name, begins, ends in (
        (EVENING_AGENT, OPENS, -1.8),
        (NIGHT_WATCH, -2.1, 6.9),
        (first, 6.5, 14.5),
        (second, 9, 17.4),
        (third, 10, 17.9),
        (EVENING_AGENT, 17.5, AFTER_END),
    ):
        joined, left = begins + chance.uniform(0, 6) * MINUTE, ends + chance.uniform(0, 3) * MINUTE
        yield from unsteady_stays(chance, "support", name, joined, left, trouble=0.4)
        if left - joined > 4:
            yield stay(chance, "support", name, joined + chance.uniform(0.5, 2), left - chance.uniform(0.1, 1.5))


def visitors(chance: Random) -> Iterator[Stay]:
    """The anonymous visitors of the support room. Most stay for a few minutes."""
    arrives = OPENS
    while (arrives := arrives + chance.expovariate(visitors_per_hour(arrives))) < CLOSES:
        goes = arrives + min(chance.lognormvariate(1.4, 0.8), 35) * MINUTE
        device = chance.choice(["laptop", "phone"])
        ends = pruned_stay if chance.random() < 0.15 else stay
        yield ends(chance, "support", None, arrives, goes, device=device)


def visitors_per_hour(hour: float) -> float:
    """Returns how many visitors come in an hour at that time."""
    return next(rate for since, rate in reversed(VISITORS_PER_HOUR.items()) if since <= hour)


def classroom(chance: Random) -> Iterator[Stay]:
    """Two lessons with a break. The teacher has one tab for the slides and one for the class."""
    for _ in ("slides", "class"):
        yield stay(chance, "classroom", TEACHER, 9.85 + chance.uniform(0, 0.1), 11.8 + chance.uniform(0, 0.05))
    for begins, ends in ((10.0, 10.75), (11.0, 11.75)):
        for name in STUDENTS:
            joined, left = begins + chance.triangular(-5, 6, -1) * MINUTE, ends + chance.uniform(-1, 4) * MINUTE
            yield from unsteady_stays(chance, "classroom", name, joined, left, trouble=0.3)


def design_doc(chance: Random) -> Iterator[Stay]:
    """Two to four people who open a document repeatedly."""
    for begins, ends, writers in ((10.1, 12, WRITERS[:3]), (13.1, 13.9, WRITERS[1:]), (15.1, 17.4, WRITERS)):
        for name in writers:
            opens = begins + chance.expovariate(6)
            while opens < ends:
                closes = opens + 0.5 * MINUTE + chance.expovariate(12)
                yield stay(chance, "design-doc", name, opens, closes)
                opens = closes + 0.3 * MINUTE + chance.expovariate(16)


def unsteady_stays(
    chance: Random, room: str, name: str, joined: float, left: float, *, trouble: float
) -> Iterable[Stay]:
    """Returns one stay, or with the probability ``trouble`` two with a broken connection in between."""
    if chance.random() >= trouble or left > CLOSES:
        return [stay(chance, room, name, joined, left)]
    breaks = chance.uniform(joined, left - MINUTE)
    again = breaks + chance.uniform(3, 40) * SECOND
    return [pruned_stay(chance, room, name, joined, breaks), stay(chance, room, name, again, left)]

"""The people of the history. Each name is valid on the start page of the chat."""

from __future__ import annotations

NIGHT_WATCH = "Wanjiru Kamau"
EVENING_AGENT = "Tomáš Dvořák"
AGENTS = ("Siobhán Walsh", "Jamal Carter", "Quynh Tran")
"""They answer in the support room during the day."""

TEACHER = "Leila Haddad"
WRITERS = ("Chloé Dubois", "Emeka Obi", "Hiroshi Tanaka", "Anna Kowalska")
COMMUTER = "Priya Raman"
"""She takes a train that goes through many tunnels."""

TEAM = (
    *AGENTS,
    TEACHER,
    *WRITERS,
    COMMUTER,
    "Amara Okafor",
    "Aroha Ngata",
    "Ayşe Demirel",
    "Björn Lindqvist",
    "Diego Fernández",
    "Giulia Romano",
    "Ingrid Solberg",
    "João Pereira",
    "Mateo Rojas",
    "Nadia Petrova",
    "Noah Goldberg",
    "Sanjay Gupta",
    "Yusuf Osman",
    "林佳怡",
    "سارة خليل",
)
STUDENTS = (
    "Chidi",
    "Elif Demir",
    "Hana",
    "Keiko Mori",
    "Lars",
    "Mei Chen",
    "Rania Saleh",
    "Tariq",
    "Zoë",
    "Дмитрий Волков",
)
ALL_PEOPLE = (*TEAM, *STUDENTS, EVENING_AGENT, NIGHT_WATCH)

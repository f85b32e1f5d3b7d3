"""What the fifteen tasks of Delétang et al. (2023) share: their source, lengths and levels."""

from __future__ import annotations


class Chomsky:
    """The source and the lengths, as in the paper: trained up to 40, tested up to 500."""

    source = "Delétang et al. 2023"
    lengths: tuple[int, int] = (1, 40)
    longer: tuple[int, ...] = (41, 50, 100, 200, 500)


class Regular(Chomsky):
    """Tasks that bounded memory solves."""

    level: str | None = "regular"


class ContextFree(Chomsky):
    """Tasks that also need a stack."""

    level: str | None = "deterministic context-free"


class ContextSensitive(Chomsky):
    """Tasks that need a tape as long as the input."""

    level: str | None = "context-sensitive"

"""What was taken away again after a restore. Not here: taking it (``reapplying``)."""

from dataclasses import dataclass, field


@dataclass
class Reapplied:
    """The public ids of the tokens that were revoked, and sentences about the rest."""

    refresh_tokens: set[str] = field(default_factory=set)
    access_tokens: set[str] = field(default_factory=set)
    changes: list[str] = field(default_factory=list)
    not_applied: list[str] = field(default_factory=list)

"""The instance settings about how long what has ended is kept: a part of ``policy``, declared in the same way."""

from app.domain.setting import DAYS, Affects, Counted, From, Group, Setting, Widens


class RetentionSettings:
    """A base of :class:`app.domain.policy.Policy`."""

    retention = Setting(
        DAYS, "90", low=0, high=3650, suffix="_days", group=Group.RETENTION, label="Keep ended tokens",
        help="How long expired, revoked and replaced tokens stay in the lists before they are deleted.",
        effective=From.NEXT_PURGE, widens=Widens.NEVER,
        affects=tuple(Affects(ended, "The next purge keeps them. What was deleted before does not come back.",
                              "The next purge deletes them; a refresh token stays while one of its access tokens does, "
                              "and an access token while a token that was created with it does.")
                      for ended in (Counted.ENDED_REFRESH_TOKENS, Counted.ENDED_ACCESS_TOKENS)),
    )  # fmt: skip
    audit = Setting(
        DAYS, "0", low=0, high=3650, suffix="_days", zero="unlimited", group=Group.RETENTION, label="Keep audit events",
        help="How long audit events are kept before they are deleted; 0: unlimited.",
        effective=From.NEXT_PURGE, widens=Widens.ANY,
        affects=(Affects(None, "Only audit events are affected: the oldest are deleted first, in whole sealed ranges. "
                         "A restore can't repeat the revocations of deleted events."),),
    )  # fmt: skip
    audit_high_volume = Setting(
        DAYS, "30", low=0, high=3650, suffix="_days", zero="the same as other events", group=Group.RETENTION,
        label="Keep audit events of requested access tokens and refused attempts",
        help="How long these are kept, of which there are many; 0: as long as other audit events.",
        effective=From.NEXT_PURGE, widens=Widens.ANY,
        affects=(Affects(None, "Only audit events of requested access tokens and refused attempts are affected. A "
                         "restore needs those since its backup."),),
    )  # fmt: skip

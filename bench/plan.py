"""How much of everything is measured: rounds, seconds, rows."""

from dataclasses import dataclass, replace
from pathlib import Path


@dataclass(frozen=True)
class Plan:
    """`rounds`: how often each subject has its turn. `seconds`: how long a turn is.

    `rate_seconds`: of a turn at a fixed rate; `shares`: the rates, as shares of the closed loop's throughput. `tokens`,
    `users`: rows of the comparison, the same for every subject. `sizes`: live tokens, for how cost grows. `due`: tokens
    that expire at once. `few_checks`, `many_checks`: after which memory is read. `sample`: how many different tokens
    the load presents: of many more, the time of the last use would be written at nearly every check. `hydra`,
    `keycloak`: the programs, if they are to be measured, of which each gets `tokens_of_others`.
    """

    rounds: int = 3
    seconds: float = 2
    warm_up: float = 1
    rate_seconds: float = 2.5
    tokens: int = 100_000
    users: int = 100_000
    sizes: tuple[int, ...] = (1_000, 100_000, 1_000_000, 10_000_000)
    due: int = 200_000
    few_checks: int = 10_000
    many_checks: int = 1_000_000
    starts: int = 5
    sample: int = 5_000
    tokens_of_others: int = 2_000
    hydra: Path | None = None
    keycloak: Path | None = None
    shares: tuple[float, ...] = (0.1, 0.5, 0.8)

    def quick(self) -> "Plan":
        """Enough to see that everything works; too little to publish."""
        return replace(
            self,
            rounds=2,
            seconds=1,
            warm_up=0.3,
            rate_seconds=1,
            tokens_of_others=200,
            tokens=10_000,
            users=10_000,
            sizes=(1_000, 10_000),
            due=20_000,
            many_checks=100_000,
            starts=2,
        )

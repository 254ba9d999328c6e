"""How much of everything is measured: rounds, seconds, rows."""

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Plan:
    """`rounds`: how often each subject has its turn. `seconds`: how long a turn is.

    `tokens`, `users`: rows of the comparison, the same for every subject. `sizes`: live tokens, for how cost grows.
    `due`: tokens that expire at once. `few_checks`, `many_checks`: after which memory is read.
    `sample`: how many different tokens the load presents.
    """

    rounds: int = 5
    seconds: float = 3
    warm_up: float = 1
    tokens: int = 100_000
    users: int = 100_000
    sizes: tuple[int, ...] = (1_000, 100_000, 1_000_000)
    due: int = 200_000
    few_checks: int = 10_000
    many_checks: int = 1_000_000
    starts: int = 5
    sample: int = 5_000

    def quick(self) -> "Plan":
        """Enough to see that everything works; too little to publish."""
        return replace(
            self,
            rounds=2,
            seconds=1,
            warm_up=0.3,
            tokens=10_000,
            users=10_000,
            sizes=(1_000, 10_000),
            due=20_000,
            many_checks=100_000,
            starts=2,
        )

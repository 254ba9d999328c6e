"""The entry point of ``daypass`` and ``python -m app``."""

from app.cli import command_line
from app.factory import create_app


def main() -> None:
    command_line(create_app)()


if __name__ == "__main__":
    main()

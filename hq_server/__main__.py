"""The `hq-server` command; `python -m hq_server` is the same."""

from shared.startup import start


def main() -> None:
    """Run the command."""
    start("hq_server.cli")


if __name__ == "__main__":
    main()

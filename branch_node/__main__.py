"""The `branch-node` command; `python -m branch_node` is the same."""

from shared.startup import start


def main() -> None:
    """Run the command."""
    start("branch_node.cli")


if __name__ == "__main__":
    main()

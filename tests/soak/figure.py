"""A figure: what was measured, what was wanted, and whether it holds."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """One line of the table in docs/reliability.md; `name` is S1 to S18 of the list of figures."""

    name: str
    holds: bool
    measured: str
    wanted: str

    def line(self) -> str:
        """Return the figure as it is printed."""
        return f"{self.name}  {'holds' if self.holds else 'MISSED'}  {self.measured}  (wanted: {self.wanted})"

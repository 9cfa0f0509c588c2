"""The table that is printed: what was done to Penstock, and what of its promises broke."""

from __future__ import annotations

from chaos.run import Result


def lines(results: list[Result]) -> str:
    """One line for each run."""
    return "\n".join(_line(result) for result in results)


def _line(result: Result) -> str:
    way = "split" if result.split else "up"
    done = (
        f"seed {result.seed} ({way}): {result.kills} kills ({result.hits} in work), {result.executions} executions,"
        f" {result.items} items, {result.steps} steps, {result.calls} calls, {result.declared_repeats} repeated in the"
        f" window, slowest resume {result.slowest_resume_s:.2f} s"
    )
    broken = ", ".join(f"{len(found)} {name}" for name, found in result.broken.items())
    return f"{done}: {broken or 'nothing broken'}"


def total(results: list[Result]) -> str:
    """All runs together: each figure and each invariant in a line of its own."""
    figures = {
        "runs": len(results),
        "kills": sum(result.kills for result in results),
        "kills that hit work": sum(result.hits for result in results),
        "executions": sum(result.executions for result in results),
        "items": sum(result.items for result in results),
        "steps": sum(result.steps for result in results),
        "calls": sum(result.calls for result in results),
        "repeated, in flight at a kill or stop": sum(result.declared_repeats for result in results),
    }
    names = results[0].findings if results else {}
    broken = {name: sum(len(result.findings[name]) for result in results) for name in names}
    return "\n".join(f"{name:>40}  {value}" for name, value in {**figures, **broken}.items())

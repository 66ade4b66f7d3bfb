"""The command line: `lawful check`, `lawful build`, `lawful verify`, `lawful explain`.

Exit status: 0 all holds; 1 something does not hold; 2 wrong usage. Tables, diffs and reports
go to stdout, progress and diagnostics to stderr. Commands import what they need when they
run, so that `check` and `build` start without torch and sympy.
"""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    name="lawful",
    help="Code that obeys its equations: check specs, build PyTorch code, verify it.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

Spec = Annotated[Path | None, typer.Option("--spec", help="The folder of specs.")]
Out = Annotated[Path | None, typer.Option("--out", help="The folder of generated code.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="Say only what does not hold.")]
NoColor = Annotated[bool, typer.Option("--no-color", help="Plain text.")]
Jobs = Annotated[
    int | None, typer.Option("--jobs", min=1, help="Processes; one a core by default.")
]
Names = Annotated[
    list[str] | None, typer.Argument(help="Qualified names, prefixes or globs of modules.")
]


@app.command()
def check(
    files: Annotated[
        list[Path] | None, typer.Argument(help="Spec files; all where none is named.")
    ] = None,
    spec: Spec = None,
    quiet: Quiet = False,
    no_color: NoColor = False,
) -> None:
    """Parse and type-check specs; print every diagnostic."""
    from .commands import check_command

    raise typer.Exit(check_command(files or [], spec, quiet=quiet))


@app.command()
def build(
    names: Names = None,
    spec: Spec = None,
    out: Out = None,
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; show a diff where code has drifted.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Overwrite files that were edited by hand.")
    ] = False,
    without: Annotated[
        list[str] | None, typer.Option("--without", help="Leave out a rewrite rule.")
    ] = None,
    quiet: Quiet = False,
    no_color: NoColor = False,
) -> None:
    """Regenerate the PyTorch modules from their specs."""
    from .commands import build_command

    status = build_command(
        names or [], spec, out, check=check, force=force, without=without or [], quiet=quiet
    )
    raise typer.Exit(status)


@app.command()
def verify(
    names: Names = None,
    spec: Spec = None,
    out: Out = None,
    impl: Annotated[
        str | None, typer.Option("--impl", help="PKG.MOD:CALLABLE instead of generated code.")
    ] = None,
    against: Annotated[
        str | None, typer.Option("--against", help="Another spec that should be the same function.")
    ] = None,
    level: Annotated[str, typer.Option("--level", help="quick or full.")] = "quick",
    dtype: Annotated[
        list[str] | None, typer.Option("--dtype", help="float64, float32, bfloat16, float16.")
    ] = None,
    device: Annotated[str, typer.Option("--device", help="A torch device.")] = "cpu",
    seed: Annotated[int, typer.Option("--seed", min=0, help="The first seed.")] = 0,
    regime: Annotated[
        str | None, typer.Option("--regime", help="Only the inputs of this regime.")
    ] = None,
    case: Annotated[Path | None, typer.Option("--case", help="Only the case in this file.")] = None,
    jobs: Jobs = None,
    no_cache: Annotated[
        bool, typer.Option("--no-cache", help="Verify what is unchanged since it was OK too.")
    ] = False,
    json: Annotated[
        Path | None, typer.Option("--json", help="Write the reports to a JSON file.")
    ] = None,
    quiet: Quiet = False,
    no_color: NoColor = False,
) -> None:
    """Verify generated code, or somebody else's implementation, against its spec."""
    from .verify import verify_command

    status = verify_command(
        names or [],
        spec,
        out,
        impl=impl,
        against=against,
        level=level,
        dtypes=dtype or [],
        device=device,
        seed=seed,
        regime=regime,
        case=case,
        jobs=jobs,
        recall=not no_cache,
        json=json,
        quiet=quiet,
        color=not no_color,
    )
    raise typer.Exit(status)


@app.command()
def explain(
    names: Annotated[
        list[str], typer.Argument(help="Qualified names, prefixes or globs of modules.")
    ],
    spec: Spec = None,
    out: Out = None,
    no_color: NoColor = False,
) -> None:
    """Show each equation of a module, its LaTeX, its code, and the checks that hold it."""
    from .explain import explain_command

    raise typer.Exit(explain_command(names, spec, out))


@app.command()
def mutate(
    names: Names = None,
    spec: Spec = None,
    out: Out = None,
    sample: Annotated[
        int | None, typer.Option("--sample", min=1, help="So many faults a module; all by default.")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of the sample and the inputs.")] = 0,
    jobs: Jobs = None,
    json: Annotated[
        Path | None, typer.Option("--json", help="Write the results to a JSON file.")
    ] = None,
    quiet: Quiet = False,
    no_color: NoColor = False,
) -> None:
    """Plant faults in the generated code and report which of them verification catches."""
    from .mutate import mutate_command

    status = mutate_command(
        names or [],
        spec,
        out,
        sample=sample,
        seed=seed,
        jobs=jobs,
        json=json,
        quiet=quiet,
        color=not no_color,
    )
    raise typer.Exit(status)


def main() -> None:
    """The entry point. A reader that goes away, or an interrupt, ends it quietly."""
    from ..compiler.project import UsageError

    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # what the terminal cannot show is escaped
            stream.reconfigure(errors="backslashreplace")
    try:
        app()
    except UsageError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(1)

"""The command line. Each verb parses, calls one function and translates; nothing heavy is imported before a verb runs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from spondyl import __version__
from spondyl.apps.lazy import LAB_VERBS, LazyGroup, placeholder

app = typer.Typer(
    cls=LazyGroup,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Reads spine images level by level: what is there, how sure, where, and when it would rather not say.\n\n"
    "Research software. Not a diagnosis.",
    epilog="train, evaluate and export need the laboratory: pip install 'spondyl[lab]'. Example: spondyl analyze lumbar.dcm --out results",
)

DataOption = Annotated[Path | None, typer.Option("--data", help="Data folder (SPONDYL_DATA): uploads, results, pseudonym key.")]
BundlesOption = Annotated[Path | None, typer.Option("--bundles", help="Folder with your own bundles, searched first.")]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON object on stdout instead of tables.")]


def main() -> None:
    """The entry point: run a verb, and turn what it raises into words and an exit code."""
    try:
        app(prog_name="spondyl")
    except (Exception, KeyboardInterrupt) as error:
        from spondyl.apps.exits import tell

        sys.exit(tell(error))


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit()


@app.callback()
def root(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")] = False,
) -> None:
    """Options of the program itself."""


@app.command(epilog="Example: spondyl analyze exams/ --out results --json > answers.json")
def analyze(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH", help="Files, folders, zip archives or a DICOMDIR.")],
    task: Annotated[list[str] | None, typer.Option("--task", help="Task to run; may be repeated. Default: every task.")] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Folder for index.csv, findings.csv; by study JSON, picture and table.")] = None,
    pdf: Annotated[bool, typer.Option("--pdf", help="A PDF report too, in each study's folder of --out.")] = False,
    data: DataOption = None,
    bundles: BundlesOption = None,
    pair: Annotated[bool, typer.Option("--pair", help="All pictures (png, jpg...) belong to one study.")] = False,
    age: Annotated[str, typer.Option("--age", metavar="YEARS", help="Age, for files that do not say it.")] = "",
    sex: Annotated[str, typer.Option("--sex", metavar="F|M", help="Sex, for files that do not say it.")] = "",
    json: JsonOption = False,
) -> None:
    """Read studies and grade them, level by level.

    Exit code 0: all done. 2: something was refused or could not be read; the rest was still done. 1: our failure.
    Nothing is kept without --out or --data.
    """
    from spondyl.apps import analyze as verb
    from spondyl.apps import console
    from spondyl.core import Person

    person = Person.read(age=age, sex=sex)
    settings = make_settings(data=data, bundles=bundles)
    with console.progress_bar() as progress:
        analysis = verb.analyze(paths, settings, tasks=task or (), out=out, keep=data is not None, pair=pair, pdf=pdf,
                                person=person, progress=progress)
    if json:
        write_json(analysis.as_dict())
    else:
        console.show(analysis, console.screen())
    raise typer.Exit(analysis.exit_code)


@app.command(epilog="Example: spondyl serve --port 8000 --data ~/spondyl")
def serve(
    host: Annotated[str | None, typer.Option("--host", help="Address to listen on (SPONDYL_HOST). Default: 127.0.0.1.")] = None,
    port: Annotated[int | None, typer.Option("--port", help="Port to listen on (SPONDYL_PORT); 0 picks one. Default: 8000.")] = None,
    database: Annotated[str | None, typer.Option("--database", help="Database URL. Default: SQLite in the data folder.")] = None,
    data: DataOption = None,
    bundles: BundlesOption = None,
    open_page: Annotated[bool, typer.Option("--open", help="Open the page in a browser, where there is one.")] = False,
) -> None:
    """Start the server: a page, REST and its documentation at /docs."""
    settings = make_settings(host=host, port=port, database=database, data=data, bundles=bundles)
    from spondyl.apps.api.server import serve as serve_api
    from spondyl.apps.browser import open_page as open_in_browser

    def announce(address: str) -> None:
        typer.echo(f"Spondyl listens on {address}")
        sys.stdout.flush()
        if open_page:
            open_in_browser(address)

    serve_api(settings, announce=announce)


@app.command(epilog="Example: spondyl change 2019/result.json 2021/result.json --same-machine --rms-sd 0.010 --plot change.svg")
def change(
    paths: Annotated[list[Path], typer.Argument(metavar="RESULT", help="result.json of one task, or its folder; earliest first.")],
    rms_sd: Annotated[float | None, typer.Option("--rms-sd", help="Densities: precision error of the site, g/cm2.")] = None,
    same_machine: Annotated[bool, typer.Option("--same-machine", help="Densities: all examinations come from one machine.")] = False,
    cross_calibrated: Annotated[bool, typer.Option("--cross-calibrated", help="Densities: machines were cross-calibrated.")] = False,
    at: Annotated[str, typer.Option("--at", metavar="LABELS", help="Label of each examination, e.g. 2019-03,2021-04.")] = "",
    plot: Annotated[Path | None, typer.Option("--plot", help="Densities: picture to write, .svg or .png.")] = None,
    json: JsonOption = False,
) -> None:
    """Compare two or more examinations of one person: bone density, or the largest curve of the spine. The results' task decides.

    dxa-osteoporosis: against the least significant change; without --same-machine or --cross-calibrated, and without --rms-sd, there is no
    verdict. xray-alignment: Cobb angles against the error of both films.
    """
    from spondyl.apps import change as verb
    from spondyl.apps import console

    series = verb.follow(paths, at=at, same_machine=same_machine, cross_calibrated=cross_calibrated, rms_sd=rms_sd, plot=plot)
    if json:
        write_json(series.as_dict())
    else:
        verb.show(series, console.screen())


@app.command(epilog="Example: spondyl info --json")
def info(data: DataOption = None, bundles: BundlesOption = None, json: JsonOption = False) -> None:
    """Tasks, bundles, findings, outputs and versions of this installation."""
    from spondyl.apps import inventory

    contents = inventory.inventory(make_settings(data=data, bundles=bundles))
    if json:
        write_json(contents)
    else:
        typer.echo(inventory.as_text(contents))


@app.command(epilog="Example: spondyl doctor")
def doctor(data: DataOption = None, bundles: BundlesOption = None, json: JsonOption = False) -> None:
    """Check decoders, runtimes, bundles, the data folder and the processor. Exit code 1 if something is broken."""
    from spondyl.apps import doctor as verb

    checks = verb.examine(make_settings(data=data, bundles=bundles))
    if json:
        write_json(verb.summary(checks))
    else:
        typer.echo(verb.as_text(checks))
    raise typer.Exit(1 if any(check.outcome == verb.BROKEN for check in checks) else 0)


def make_settings(**given: Any) -> Any:
    """Settings from the options that were given, then from SPONDYL_* variables.

    Raises:
        InputError: If a value is not allowed; the sentence names it.
    """
    from spondyl.apps.options import settings_from

    return settings_from({name: value for name, value in given.items() if value is not None})


def write_json(body: object) -> None:
    """One JSON object on stdout, UTF-8, whatever the terminal's own encoding is."""
    import json

    sys.stdout.flush()
    text = json.dumps(body, ensure_ascii=False, indent=1, allow_nan=False) + "\n"
    sys.stdout.buffer.write(text.encode("utf-8"))
    sys.stdout.buffer.flush()


for _verb in LAB_VERBS:
    app.command(_verb)(placeholder(_verb))

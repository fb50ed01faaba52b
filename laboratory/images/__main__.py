"""`python -m laboratory.images [NAME ...]`: make images, and print where their archives are."""

import click

from laboratory.images.makers import MAKERS
from tapwatch.errors import TapwatchError


@click.command(epilog="\b\nExamples:\n  python -m laboratory.images tapwatch haproxy\n  python -m laboratory.images")
@click.argument("names", nargs=-1, metavar="[NAME]...", type=click.Choice(list(MAKERS)))
def main(names: tuple[str, ...]) -> None:
    """Make images as OCI archives under their public names, all of them when none is named, and print their paths.

    containerd takes them in with `ctr --namespace k8s.io images import PATH`. An image is made once, into
    ~/.cache/tapwatch/tools/ (or $XDG_CACHE_HOME/tapwatch/tools/), and again when what it is made of changes; the Go
    programs take minutes. Needs root, mmdebstrap and buildah. Progress is on standard error.
    """
    try:
        for name in names or MAKERS:
            click.echo(MAKERS[name]())
    except TapwatchError as error:
        raise click.ClickException(str(error)) from error


if __name__ == "__main__":
    main()

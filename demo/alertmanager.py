"""Run Debian's Alertmanager without installing it.

It reads its templates from a folder that only an installation makes, and has no flag, setting or variable for another.
In a mount namespace of its own, that folder appears where Alertmanager looks for it. Not every system lets an ordinary
user have one: containers, chroots and Ubuntu's rules forbid it. There, and only there, a copy of the executable runs in
which the folder's name is another.
"""

from pathlib import Path
from typing import Final

from demo import debian

EXECUTABLE: Final = "prometheus-alertmanager"

_FOLDER: Final = b"/usr/share/prometheus/alertmanager"
_DESCRIPTOR: Final = b"/proc/self/fd/9"
_RENAMED: Final = "alertmanager.renamed"

_SCRIPT: Final = """\
# Lay the folder over the system's, and run what follows. The first try only shows whether that is allowed.
lay='mount -t overlay tapwatch -o "lowerdir=$0/usr/share:/usr/share" /usr/share && exec "$@"'
if unshare --user --map-root-user --mount sh -c "$lay" "$root" true 2>/dev/null; then
    exec unshare --user --map-root-user --mount sh -c "$lay" "$root" "$root/{executable}" "$@"
fi
exec 9<"$root{folder}"
exec "$root/../bin/{renamed}" "$@"
"""


def make_runnable(folder: Path) -> None:
    """Write `bin/alertmanager` for the package in `folder/root`, where its executable wants the fixed folder."""
    root = folder / "root"
    executable = debian.find(root, EXECUTABLE)
    if executable is None or _FOLDER not in (content := executable.read_bytes()):
        return
    # The new name is as long as the old one, so that nothing else in the executable moves.
    renamed = folder / "bin" / _RENAMED
    renamed.write_bytes(content.replace(_FOLDER, _DESCRIPTOR.ljust(len(_FOLDER), b"/")))
    renamed.chmod(0o755)
    script = _SCRIPT.format(executable=executable.relative_to(root), folder=_FOLDER.decode(), renamed=_RENAMED)
    debian.write_script(folder, "alertmanager", script)

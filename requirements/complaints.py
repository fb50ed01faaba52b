"""What stopped pip, in a sentence with the remedy, from what it printed."""

import platform
import re

_INDEX = re.compile(r"Looking in indexes: (.+)")
_UNREACHABLE = re.compile(
    r"Retrying|Max retries exceeded|confirming the ssl certificate|timed out|IncompleteRead|ProxyError"
)
_REASON = re.compile(r"\[Errno -?\d+\] [A-Z][A-Za-z ]+|[Tt]imed out|CERTIFICATE_VERIFY_FAILED|Cannot connect to proxy")
_MISSING = re.compile(r"ERROR: No matching distribution found for (\S+)")
_CHANGED = re.compile(r"\s+(\S+==\S+) from ")
_CLOSED = re.compile(r"\[Errno (?:13|28|30)\] [^:]+: '?[^']+'?|\[Errno 28\] [A-Z][A-Za-z ]+")


def explain(output: list[str], lock: str) -> str:
    """Say why pip did not install the lock of this name, and what to do."""
    text = "\n".join(output)
    if "DO NOT MATCH THE HASHES" in text and (changed := _CHANGED.search(text)):
        return (
            f"The package index delivers another {changed[1]} than {lock} names, and it was not installed: a download "
            "that broke, or an index that is not to be trusted. Run the command again, then use another index."
        )
    missing = _MISSING.search(text)
    if _UNREACHABLE.search(text) and (missing is None or "from versions: none" in text):
        index = f" {match[1]}" if (match := _INDEX.search(text)) else ""
        reason = match[0] if (match := _REASON.search(text)) else "no answer"
        return (
            f"The package index{index} cannot be reached ({reason}), and {lock} is not installed. Look at the network "
            "and the proxy, or name another index (pip config set global.index-url URL); then run the same command "
            "again, which goes on from here."
        )
    if missing:
        python = platform.python_version()
        return (
            f"The package index has no file of {missing[1]}, which {lock} names, for Python {python} on "
            f"{platform.system()} {platform.machine()}. Use an index that has it, or another Python: make clean, then "
            "PYTHON=python3.13 make dev."
        )
    if closed := _CLOSED.search(text):
        return f"{lock} is not installed, as the environment cannot be written: {closed[0]}"
    return "\n".join([f"{lock} is not installed; pip says:", *output[-15:]])

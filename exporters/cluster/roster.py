"""Which replicas a cluster has, told from what it listed over time."""

from collections.abc import Iterable, Mapping

Roster = Mapping[str, float | None]
"""The replicas' URLs, each with the time since when it is not listed any more; None while it is."""


def update_roster(roster: Roster, listed: Iterable[str], now: float, forget_after: float) -> Roster:
    """The roster after a listing at `now`.

    API servers take each other's dead off the list within some 15 s (the lease of kube-apiserver's endpoint
    reconciler), which is when it matters most that somebody looks at them. So who leaves stays in the roster for
    `forget_after` seconds.
    """
    present = dict.fromkeys(listed)
    missing = {url: now if since is None else since for url, since in roster.items() if url not in present}
    return {**present, **{url: since for url, since in missing.items() if now - since < forget_after}}

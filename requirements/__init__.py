"""The locked dependencies and what installs them, with the standard library alone: it runs before anything is there."""


class SetUpError(Exception):
    """What stands in the way of an installation, in a sentence with the remedy."""
